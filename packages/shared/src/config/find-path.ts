import { matchesPattern } from './path-pattern.ts';
import { type Config, isPattern, type PathConfig } from './schema.ts';

/** Which entry of `paths` a name falls under. */
export type FoundPath = {
  /** The entry's key: the name itself, a `~regex`, or `all_others`. */
  readonly confName: string;
  readonly config: PathConfig;
};

/** What a name's settings are found in. */
export type PathsConfig = Pick<Config, 'paths' | 'pathDefaults'>;

/** An entry of its own wins, then regular expressions in the order of the file, then `all_others`. Undefined: not admitted. */
export function findPath(config: PathsConfig, name: string): FoundPath | undefined {
  if (!isPattern(name) && Object.hasOwn(config.paths, name)) return found(config, name);
  for (const confName of Object.keys(config.paths)) {
    if (confName.startsWith('~') && matchesPattern(confName, name)) return found(config, confName);
  }
  for (const confName of ['all_others', 'all']) {
    if (Object.hasOwn(config.paths, confName)) return found(config, confName);
  }
  return undefined;
}

function found(config: PathsConfig, confName: string): FoundPath {
  // A key that is written without a value (`exactOptionalPropertyTypes`) does not undo its default.
  const own = Object.fromEntries(
    Object.entries(config.paths[confName] ?? {}).filter(([, value]) => value !== undefined),
  );
  return { confName, config: { ...config.pathDefaults, ...own } };
}

/** Every path with a source of its own (`rtsp:`, `file:`), to be opened at start. */
export function pathsWithSources(config: Config): { readonly name: string; readonly config: PathConfig }[] {
  return Object.keys(config.paths)
    .filter((name) => !isPattern(name))
    .map((name) => ({ name, config: found(config, name).config }))
    .filter((path) => path.config.source !== 'publisher');
}
