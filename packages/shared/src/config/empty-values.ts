import { configKeys, type KeyInfo, type KeyTree } from './keys.ts';
import { isRecord } from './mediamtx.ts';

/**
 * A key with nothing after its colon says nothing: the default holds, as in MediaMTX, whose own file has many of them. But
 * for lists, since a list of users or networks that was left empty by mistake must not become everybody; and for unknown
 * keys, which are to be complained about.
 */
export function withoutEmptyValues(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return cleared(settings, configKeys());
}

function cleared(record: Readonly<Record<string, unknown>>, keys: KeyTree): Record<string, unknown> {
  const kept: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(record)) {
    const info = keys.get(key);
    if (info === undefined) kept[key] = value;
    else if (value !== null || isList(info)) kept[key] = clearedValue(value, info);
  }
  return kept;
}

function clearedValue(value: unknown, { children, entries, items }: KeyInfo): unknown {
  if (Array.isArray(value))
    return items === undefined ? value : value.map((item) => (isRecord(item) ? cleared(item, items) : item));
  if (!isRecord(value)) return value;
  if (children !== undefined) return cleared(value, children);
  if (entries === undefined) return value;
  const kept: Record<string, unknown> = Object.create(null);
  for (const [name, entry] of Object.entries(value)) kept[name] = isRecord(entry) ? cleared(entry, entries) : entry;
  return kept;
}

function isList({ items, form, default: value }: KeyInfo): boolean {
  return items !== undefined || form === 'array' || Array.isArray(value);
}
