import { configKeys, type KeyInfo, type KeyTree } from './keys.ts';
import { isRecord } from './mediamtx.ts';
import type { Config } from './schema.ts';
import { formatDuration, formatSize } from './values.ts';

/** Stands for a secret where a configuration is shown. */
export const SECRET_MASK = '***';

/** A configuration as one would write it (`10s`, `2M`), complete, with a mask for every secret. */
export function writtenConfig(config: Config): Record<string, unknown> {
  return writtenRecord(config, configKeys());
}

/** The key of the first value that holds a mask, from the outermost; undefined when none does. */
export function maskedKey(value: unknown, at: readonly string[] = []): readonly string[] | undefined {
  if (typeof value === 'string')
    return value === SECRET_MASK || value.includes(`:${SECRET_MASK}@`) || value.includes(`//${SECRET_MASK}@`)
      ? at
      : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const found = maskedKey(item, [...at, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function writtenRecord(record: Readonly<Record<string, unknown>>, keys: KeyTree): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, written(value, keys.get(key))]),
  );
}

function written(value: unknown, info: KeyInfo | undefined): unknown {
  const { children, entries, items } = info ?? {};
  if (items !== undefined && Array.isArray(value))
    return value.map((item) => (isRecord(item) ? writtenRecord(item, items) : item));
  if (entries !== undefined && isRecord(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, entry]) => [name, isRecord(entry) ? writtenRecord(entry, entries) : entry]),
    );
  if (children !== undefined && isRecord(value)) return writtenRecord(value, children);
  if (info?.isSecret === true) {
    if (Array.isArray(value)) return value.map(() => SECRET_MASK);
    return value === '' ? '' : SECRET_MASK;
  }
  if (typeof value === 'number' && info?.form === 'duration') return formatDuration(value);
  if (typeof value === 'number' && info?.form === 'size') return formatSize(value);
  return typeof value === 'string' ? withoutUserInformation(value) : value;
}

/** User information in a URL ends at the last `@`: passwords are written there without escaping. */
function withoutUserInformation(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^\s]*@/i, `$1${SECRET_MASK}@`);
}
