import { configKeys, type KeyInfo, type KeyTree } from './keys.ts';

/** One value from outside the file. */
export type Override = {
  readonly keys: readonly string[];
  readonly value: string;
  /** As the user wrote it, for messages: `SHARDCAST_WORKERS`, `--workers`. */
  readonly origin: string;
};

/** An environment variable's or flag's own error; the message names no value, which may be a secret. */
export type Rejected = { readonly origin: string; readonly message: string };

export type Command = 'run' | 'check' | 'help' | 'version';
export type Arguments = {
  readonly command: Command;
  readonly file: string | undefined;
  readonly overrides: readonly Override[];
  readonly rejected: readonly Rejected[];
};

/** Reads `[config.yml] [--key=value …] [--check|--help|--version]`. `--nack` alone is `--nack=on`. */
export function parseArguments(argv: readonly string[]): Arguments {
  let command: Command = 'run';
  let file: string | undefined;
  const overrides: Override[] = [];
  const rejected: Rejected[] = [];
  for (const argument of argv) {
    if (argument === '--') continue; // `npm start -- -- x` passes it on
    if (argument === '--check' || argument === '--help' || argument === '--version') {
      command = argument === '--check' ? 'check' : argument === '--help' ? 'help' : 'version';
    } else if (argument.startsWith('--')) {
      const [name, ...rest] = argument.slice(2).split('=');
      const origin = `--${name}`;
      const keys = flagKeys(name ?? '');
      if (keys === undefined) rejected.push({ origin, message: 'there is no such setting' });
      else overrides.push({ keys, value: rest.length === 0 ? 'on' : rest.join('='), origin });
    } else if (argument.startsWith('-') || file !== undefined) {
      rejected.push({ origin: argument, message: 'expected one configuration file and --key=value flags' });
    } else file = argument;
  }
  return { command, file, overrides, rejected };
}

/** `paths.cam.1.source`: the name between `paths.` and the last dot may have dots of its own. */
function flagKeys(name: string): string[] | undefined {
  const parts = name.split('.');
  const [first = '', ...rest] = parts;
  const info = configKeys().get(first);
  if (info === undefined) return undefined;
  if (info.items !== undefined) {
    const [index = '', child = '', ...more] = rest;
    return more.length === 0 && isIndex(index) && info.items.has(child) ? [first, index, child] : undefined;
  }
  if (info.entries !== undefined) {
    const leaf = rest.at(-1) ?? '';
    return rest.length >= 2 && info.entries.has(leaf) ? [first, rest.slice(0, -1).join('.'), leaf] : undefined;
  }
  if (info.children !== undefined) {
    const [child = ''] = rest;
    return rest.length === 1 && info.children.has(child) ? [first, child] : undefined;
  }
  return rest.length === 0 ? [first] : undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;
export type EnvironmentOverrides = {
  readonly overrides: readonly Override[];
  /** Variables with our prefix that name no setting. */
  readonly unknown: readonly string[];
};

/** Kubernetes describes a service called shardcast to its pods with variables of our prefix. */
const KUBERNETES = /^(?:SERVICE|PORT)(?:_|$)/;

/**
 * `<prefix>RTCPINTERVAL`, `<prefix>KEYFRAMECACHE_MAXBYTES`, `<prefix>PATHS_CAM1_SOURCE`. With `_FILE` at the end the value
 * is read from that file, for secrets.
 * @param pathNames names in the file: `PATHS_FRONT_DOOR_SOURCE` means `front-door` when there is one, else `front_door`.
 */
export function environmentOverrides(
  environment: Environment,
  prefix: string,
  pathNames: readonly string[],
  readFile: (file: string) => string,
): EnvironmentOverrides {
  const overrides: Override[] = [];
  const unknown: string[] = [];
  for (const [origin, value] of Object.entries(environment)) {
    if (value === undefined || !origin.startsWith(prefix)) continue;
    const name = origin.slice(prefix.length);
    const direct = environmentKeys(name, configKeys(), pathNames);
    if (direct !== undefined) {
      overrides.push({ keys: direct, value, origin });
      continue;
    }
    const fromFile = name.endsWith('_FILE')
      ? environmentKeys(name.slice(0, -'_FILE'.length), configKeys(), pathNames)
      : undefined;
    if (fromFile !== undefined) overrides.push({ keys: fromFile, value: readFile(value).trim(), origin });
    else if (!KUBERNETES.test(name)) unknown.push(origin);
  }
  return { overrides, unknown };
}

function environmentKeys(name: string, keys: KeyTree, pathNames: readonly string[]): string[] | undefined {
  for (const [key, info] of keys) {
    const upper = key.toUpperCase();
    if (name === upper) return isLeaf(info) ? [key] : undefined;
    if (!name.startsWith(`${upper}_`)) continue;
    const rest = name.slice(upper.length + 1);
    if (info.items !== undefined) {
      const [index = '', ...more] = rest.split('_');
      const item = isIndex(index) ? environmentKeys(more.join('_'), info.items, pathNames) : undefined;
      if (item !== undefined) return [key, index, ...item];
    }
    if (info.children !== undefined) {
      const child = environmentKeys(rest, info.children, pathNames);
      if (child !== undefined) return [key, ...child];
    }
    for (const entryKey of info.entries?.keys() ?? []) {
      const suffix = `_${entryKey.toUpperCase()}`;
      if (rest.endsWith(suffix) && rest.length > suffix.length)
        return [key, pathNamed(rest.slice(0, -suffix.length), pathNames), entryKey];
    }
  }
  return undefined;
}

function isLeaf({ children, entries, items }: KeyInfo): boolean {
  return children === undefined && entries === undefined && items === undefined;
}

/** A list of hundreds is nobody's environment. */
function isIndex(text: string): boolean {
  return /^\d{1,2}$/.test(text);
}

function pathNamed(shouted: string, pathNames: readonly string[]): string {
  const isMeant = (name: string) => name.toUpperCase().replace(/[^A-Z0-9]/g, '_') === shouted;
  return pathNames.find(isMeant) ?? shouted.toLowerCase();
}
