import { z } from 'zod';
import { ShardcastError } from '../errors.ts';
import { isRecord } from './mediamtx.ts';

type Settings = Readonly<Record<string, unknown>>;
const Value = z.record(z.string(), z.unknown());

/**
 * What the API changes in a configuration, in terms of what is written there. Patches are JSON Merge Patches (RFC 7396):
 * null takes a key back to its default.
 */
export const ConfigChange = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('patch-global'), value: Value }),
  z.strictObject({ op: z.literal('patch-path-defaults'), value: Value }),
  z.strictObject({ op: z.literal('add-path'), name: z.string(), value: Value }),
  z.strictObject({ op: z.literal('patch-path'), name: z.string(), value: Value }),
  z.strictObject({ op: z.literal('replace-path'), name: z.string(), value: Value }),
  z.strictObject({ op: z.literal('delete-path'), name: z.string() }),
]);
export type ConfigChange = z.infer<typeof ConfigChange>;

/**
 * Settings with a change made, which need not be valid; `settings` stays as it is.
 * @throws ShardcastError SETTING_EXISTS, SETTING_NOT_FOUND, SETTING_INVALID (paths among the global settings)
 */
export function changeSettings(settings: Settings, change: ConfigChange): Record<string, unknown> {
  const paths = isRecord(settings['paths']) ? settings['paths'] : {};
  const withPath = (name: string, value: unknown) => ({ ...settings, paths: withKey(paths, name, value) });
  const known = (name: string): unknown => {
    if (!Object.hasOwn(paths, name)) throw new ShardcastError('SETTING_NOT_FOUND', 'no such path is configured');
    return paths[name] ?? {};
  };
  switch (change.op) {
    case 'patch-global':
      for (const key of ['paths', 'pathDefaults'])
        if (Object.hasOwn(change.value, key))
          throw new ShardcastError('SETTING_INVALID', `${key}: has operations of its own`);
      return asRecord(mergePatch(settings, change.value));
    case 'patch-path-defaults':
      return { ...settings, pathDefaults: mergePatch(settings['pathDefaults'], change.value) };
    case 'add-path':
      if (Object.hasOwn(paths, change.name))
        throw new ShardcastError('SETTING_EXISTS', 'a path of that name is configured already');
      return withPath(change.name, withoutNulls(change.value));
    case 'patch-path':
      return withPath(change.name, mergePatch(known(change.name), change.value));
    case 'replace-path':
      return withPath(change.name, withoutNulls(change.value));
    case 'delete-path': {
      known(change.name);
      const { [change.name]: _, ...others } = paths;
      return { ...settings, paths: others };
    }
  }
}

/** The keys that a change writes, from the outermost: for messages about their values. */
export function keysOf(change: ConfigChange): string[][] {
  const under = (prefix: string[], value: Settings) => Object.keys(value).map((key) => [...prefix, key]);
  switch (change.op) {
    case 'patch-global':
      return under([], change.value);
    case 'patch-path-defaults':
      return under(['pathDefaults'], change.value);
    case 'delete-path':
      return [];
    default:
      return [['paths', change.name], ...under(['paths', change.name], change.value)];
  }
}

/**
 * Fewer changes that do the same, whatever the settings they are made to: as a rule one of the global settings, one of the
 * defaults, one a path.
 */
export function foldChanges(changes: readonly ConfigChange[]): ConfigChange[] {
  const folded: ConfigChange[] = [];
  const latest = new Map<string, number>();
  for (const change of changes) {
    const target = 'name' in change ? `path ${change.name}` : change.op;
    const index = latest.get(target) ?? -1;
    const before = folded[index];
    const both = before === undefined ? undefined : inOne(before, change);
    if (both !== undefined) folded[index] = both;
    else latest.set(target, folded.push(lasting(change)) - 1);
  }
  return folded;
}

/** Adding is replacing what is not there: made again, it must not stumble over what it made. */
export function lasting(change: ConfigChange): ConfigChange {
  return change.op === 'add-path' ? { ...change, op: 'replace-path' } : change;
}

/** Of the same target. Undefined when one cannot say what both do. */
function inOne(before: ConfigChange, change: ConfigChange): ConfigChange | undefined {
  switch (change.op) {
    case 'add-path':
    case 'replace-path':
    case 'delete-path':
      return lasting(change);
    default:
      if (before.op === 'delete-path') return undefined;
      if (before.op === 'replace-path') return { ...before, value: asRecord(mergePatch(before.value, change.value)) };
      return composePatches(before, change);
  }
}

function composePatches<T extends ConfigChange & { value: Settings }>(
  before: ConfigChange & { value: Settings },
  change: T,
) {
  const value = composed(before.value, change.value);
  return value === undefined ? undefined : { ...change, value };
}

/** RFC 7396 §2. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  let result: Settings = isRecord(target) ? target : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result = Object.fromEntries(Object.entries(result).filter(([other]) => other !== key));
    else result = withKey(result, key, mergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result;
}

/** One patch for two in turn, in which what is taken away stays to be taken away. Undefined where there is none. */
function composed(first: Settings, second: Settings): Record<string, unknown> | undefined {
  let result: Settings = first;
  for (const [key, value] of Object.entries(second)) {
    if (isRecord(value) && Object.hasOwn(result, key)) {
      const before = result[key];
      // To set something and then merge into it is to forget what was there, which no single patch can.
      const both = isRecord(before) ? composed(before, value) : undefined;
      if (both === undefined) return undefined;
      result = withKey(result, key, both);
    } else result = withKey(result, key, value);
  }
  return { ...result };
}

function withoutNulls(value: Settings): Record<string, unknown> {
  return asRecord(mergePatch({}, value));
}

/** Also where the key is `__proto__`. */
function withKey(record: Settings, key: string, value: unknown): Record<string, unknown> {
  return Object.fromEntries([...Object.entries(record).filter(([other]) => other !== key), [key, value]]);
}

function asRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}
