import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { z } from 'zod';
import { ShardcastError } from '../errors.ts';
import { type ConfigChange, changeSettings, keysOf } from './changes.ts';
import { withoutEmptyValues } from './empty-values.ts';
import { configKeys, type KeyTree } from './keys.ts';
import { isRecord, translateMediaMtx } from './mediamtx.ts';
import { type Arguments, type Environment, environmentOverrides, type Override, parseArguments } from './overrides.ts';
import { type Config, ConfigSchema } from './schema.ts';
import { parseYaml, type YamlFile } from './yaml-file.ts';

export type LoadOptions = {
  /** Arguments after the program's name: `[config.yml] [--key=value …]`, or what `parseArguments` made of them. */
  readonly arguments: readonly string[] | Arguments;
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** An H.264 file for the path `demo`, which is there when no configuration file is. */
  readonly demoClip: string;
  /** Where to look for a file when none is named; the working directory, /usr/local/etc and /etc/shardcast by default. */
  readonly directories?: readonly string[];
  /** Made last, over everything. One that finds nothing to change is left out, with a warning. */
  readonly changes?: readonly ConfigChange[];
  /** Made after those, or not at all: its faults are thrown. */
  readonly change?: ConfigChange | undefined;
};

export type LoadedConfig = {
  readonly config: Config;
  /** The file that was read; undefined when there was none. */
  readonly file: string | undefined;
  /** For the log: what was ignored, and why. Without values, which may be secrets. */
  readonly warnings: readonly string[];
};

/**
 * Reads the file, then `MTX_…`, `SHARDCAST_…`, flags and changes, each over the one before, and checks the result.
 * @throws ShardcastError CONFIG_INVALID with one line a fault: `shardcast.yml:12: paths.cam1.sorce: …`; for `change` also
 * what `changeSettings` throws.
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const args = 'command' in options.arguments ? options.arguments : parseArguments(options.arguments);
  if (args.rejected.length > 0) fail(args.rejected.map(({ origin, message }) => `${origin}: ${message}`));

  const file = args.file === undefined ? findFile(options) : resolve(options.workingDirectory, args.file);
  const warnings: string[] = [];
  const yaml = file === undefined ? undefined : readYaml(file);
  const name = file === undefined ? '' : basename(file);
  let settings: Record<string, unknown> = {};
  if (yaml === undefined) settings = { paths: { demo: { source: `file:${options.demoClip}` }, all_others: {} } };
  else if (isMediaMtx(name)) {
    const translation = translateMediaMtx(yaml.settings);
    settings = translation.settings;
    warnings.push(...translation.warnings.map((warning) => `${name}: ${warning}`));
  } else settings = structuredClone(yaml.settings);
  settings = withoutEmptyValues(settings);

  const overrides: Override[] = [];
  const pathNames = isRecord(settings['paths']) ? Object.keys(settings['paths']) : [];
  for (const prefix of ['MTX_', 'SHARDCAST_']) {
    const found = environmentOverrides(options.environment, prefix, pathNames, readSecret);
    overrides.push(...found.overrides);
    if (found.unknown.length > 0) warnings.push(`environment: ignored, no such setting: ${found.unknown.join(', ')}`);
  }
  overrides.push(...args.overrides);
  for (const override of overrides) assign(settings, override.keys, override.value);

  const origins: Origin[] = [...overrides];
  const make = (change: ConfigChange): void => {
    settings = changeSettings(settings, change);
    for (const keys of keysOf(change)) origins.push({ keys, origin: `API: ${keys.join('.')}` });
  };
  for (const change of options.changes ?? []) {
    try {
      make(change);
    } catch (error) {
      if (!(error instanceof ShardcastError)) throw error;
      warnings.push(`a change made by the API is left out: ${nameOf(change)}: ${error.message}`);
    }
  }

  if (options.change !== undefined) make(options.change);

  const parsed = ConfigSchema.safeParse(settings);
  if (parsed.success) return { config: parsed.data, file, warnings };
  return fail(parsed.error.issues.flatMap((issue) => describe(issue, name, yaml, origins)));
}

/** Where a value came from, if not from the file. */
type Origin = Pick<Override, 'keys' | 'origin'>;

function nameOf(change: ConfigChange): string {
  return 'name' in change ? `${change.op} ${change.name}` : change.op;
}

function isMediaMtx(fileName: string): boolean {
  return /^mediamtx.*\.ya?ml$/.test(fileName);
}

function findFile(options: LoadOptions): string | undefined {
  const directories = options.directories ?? [options.workingDirectory, '/usr/local/etc', '/etc/shardcast'];
  return directories
    .flatMap((directory) => ['shardcast.yml', 'mediamtx.yml'].map((name) => resolve(directory, name)))
    .find((candidate) => existsSync(candidate));
}

function readYaml(file: string): YamlFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ShardcastError('CONFIG_INVALID', `${file}: cannot be read`, { cause });
  }
  const yaml = parseYaml(text);
  if (!Array.isArray(yaml)) return yaml;
  return fail(yaml.map((fault) => `${position(basename(file), fault.line)}: ${fault.message}`));
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ShardcastError('CONFIG_INVALID', `${file}: cannot be read`, { cause });
  }
}

function assign(settings: Record<string, unknown>, keys: readonly string[], value: string): void {
  const [first = '', index] = keys;
  if (configKeys().get(first)?.items !== undefined && index !== undefined) {
    // A list is written from its beginning: a number past its end makes the items before it, which then lack their keys.
    const given = settings[first];
    const items: unknown[] = Array.isArray(given) ? given : [];
    while (items.length <= Number(index)) items.push({});
    settings[first] = items;
    const item = items[Number(index)];
    if (isRecord(item)) assign(item, keys.slice(2), value);
    return;
  }
  let target = settings;
  for (const key of keys.slice(0, -1)) {
    const next = Object.hasOwn(target, key) ? target[key] : undefined;
    if (isRecord(next)) target = next;
    else {
      const created: Record<string, unknown> = {};
      target[key] = created;
      target = created;
    }
  }
  const last = keys.at(-1);
  if (last !== undefined) target[last] = value;
}

function describe(
  issue: z.core.$ZodIssue,
  fileName: string,
  yaml: YamlFile | undefined,
  origins: readonly Origin[],
): string[] {
  const at = (keys: readonly PropertyKey[]): string => {
    const override = origins.findLast(
      (candidate) =>
        keys.length >= candidate.keys.length && candidate.keys.every((key, index) => key === String(keys[index])),
    );
    const dotted = keys.join('.');
    if (override !== undefined) return override.origin;
    return yaml === undefined ? dotted : `${position(fileName, yaml.lineOf(keys))}: ${dotted}`;
  };
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(
      (key) => `${at([...issue.path, key])}: there is no such setting${suggestion(issue.path, key)}`,
    );
  if (issue.code === 'invalid_key')
    return [`${at(issue.path)}: ${issue.issues.map((inner) => inner.message).join(', ')}`];
  return [`${at(issue.path)}: ${issue.message}`];
}

function position(fileName: string, line: number | undefined): string {
  return line === undefined ? fileName : `${fileName}:${line}`;
}

function suggestion(path: readonly PropertyKey[], key: string): string {
  let keys: KeyTree | undefined = configKeys();
  const [first] = path;
  if (first !== undefined) {
    const info = configKeys().get(String(first));
    keys = info?.entries ?? info?.children;
  }
  const near = [...(keys?.keys() ?? [])]
    .map((candidate) => ({ candidate, distance: editDistance(candidate.toLowerCase(), key.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= Math.max(1, Math.floor(near.candidate.length / 4))
    ? `; is it \`${near.candidate}\`?`
    : '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function fail(lines: readonly string[]): never {
  throw new ShardcastError('CONFIG_INVALID', lines.join('\n'));
}
