/** A value of the configuration as it is edited: what kind of field it has, and how its text is read. */

export type FieldKind = 'switch' | 'number' | 'text' | 'json';

export function kindOf(value: unknown): FieldKind {
  if (typeof value === 'boolean') return 'switch';
  if (typeof value === 'number') return 'number';
  return typeof value === 'string' ? 'text' : 'json';
}

export function textOf(value: unknown): string {
  return kindOf(value) === 'json' ? JSON.stringify(value, null, 2) : String(value);
}

/** Lists of words are edited in one line, with commas. */
export function isWordList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

export type Read = { readonly value: unknown } | { readonly fault: string };

/** What `text` in a field of that kind means. */
export function readValue(kind: FieldKind, text: string): Read {
  if (kind === 'text') return { value: text };
  if (kind === 'switch') return { value: text === 'true' };
  if (kind === 'number') {
    const value = Number(text);
    return text.trim() === '' || !Number.isFinite(value) ? { fault: 'is not a number' } : { value };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { fault: 'is not valid JSON' };
  }
}

/** Holds the mask in place of a secret, which the server would refuse to take for the secret. */
export function isMasked(value: unknown): boolean {
  return JSON.stringify(value)?.includes('***') ?? false;
}

/** What differs, as a patch: a key whose draft is null goes back to its default. */
export function patchOf(
  current: Readonly<Record<string, unknown>>,
  draft: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(draft).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(current[key])),
  );
}
