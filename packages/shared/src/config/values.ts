import { z } from 'zod';

/**
 * How a value is written in a file, an environment variable or a flag, and what the code gets. Everything may also come
 * as a string, because environment variables and flags have nothing else. `form` in the metadata names the
 * notation for docs/configuration.md.
 */

const DURATION_UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;

/** Milliseconds of `10s`, `1m30s`, `500ms`, or undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    // Both groups always take part in a match of this expression.
    totalMs += Number(amount) * DURATION_UNIT_MS[unit as keyof typeof DURATION_UNIT_MS];
  }
  return Number.isSafeInteger(Math.round(totalMs)) ? totalMs : undefined;
}

/** The shortest single-unit notation that loses nothing. */
export function formatDuration(totalMs: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (totalMs >= DURATION_UNIT_MS[unit] && totalMs % DURATION_UNIT_MS[unit] === 0)
      return `${totalMs / DURATION_UNIT_MS[unit]}${unit}`;
  }
  return `${totalMs}ms`;
}

const SIZE_UNIT = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
type SizeUnit = keyof typeof SIZE_UNIT;

/** Bytes of `64K`, `2M`, `1G` (powers of 1024) or a plain number, or undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)([KMG]?)B?$/i.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * SIZE_UNIT[(match[2] ?? '').toUpperCase() as SizeUnit];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The largest unit that loses nothing. */
export function formatSize(bytes: number): string {
  for (const unit of ['G', 'M', 'K'] as const) {
    if (bytes >= SIZE_UNIT[unit] && bytes % SIZE_UNIT[unit] === 0) return `${bytes / SIZE_UNIT[unit]}${unit}`;
  }
  return `${bytes}`;
}

type Refusal = { issues: z.core.$ZodRawIssue[]; value: unknown };

function refuse(context: Refusal, message: string): never {
  context.issues.push({ code: 'custom', message, input: context.value });
  return z.NEVER;
}

/** `10s`, `1m30s`, `500ms`: milliseconds for the code. */
export function duration(minMs = 0, maxMs = Number.MAX_SAFE_INTEGER) {
  return z
    .codec(z.string({ error: 'expected a duration such as 10s, 1m or 500ms' }), z.number(), {
      decode(text, context) {
        const totalMs = parseDuration(text);
        if (totalMs === undefined) return refuse(context, 'expected a duration such as 10s, 1m or 500ms');
        if (totalMs < minMs) return refuse(context, `must be at least ${formatDuration(minMs)}`);
        if (totalMs > maxMs) return refuse(context, `must be at most ${formatDuration(maxMs)}`);
        return totalMs;
      },
      encode: formatDuration,
    })
    .meta({ form: 'duration' });
}

/** `64K`, `2M`, or a number of bytes: bytes for the code. */
export function size(minBytes = 0, maxBytes = Number.MAX_SAFE_INTEGER) {
  return z
    .codec(
      z.union([z.string(), z.int().nonnegative()], { error: 'expected a size such as 64K, 2M or a number of bytes' }),
      z.number(),
      {
        decode(input, context) {
          const bytes = parseSize(String(input));
          if (bytes === undefined) return refuse(context, 'expected a size such as 64K, 2M or a number of bytes');
          if (bytes < minBytes) return refuse(context, `must be at least ${formatSize(minBytes)}`);
          if (bytes > maxBytes) return refuse(context, `must be at most ${formatSize(maxBytes)}`);
          return bytes;
        },
        encode: formatSize,
      },
    )
    .meta({ form: 'size' });
}

/** A whole number, also as a string of digits. */
export function whole(min: number, max: number) {
  return z
    .codec(z.union([z.int(), z.string()], { error: 'expected a whole number' }), z.number(), {
      decode(input, context) {
        const value = typeof input === 'number' ? input : /^\d{1,15}$/.test(input) ? Number(input) : Number.NaN;
        if (!Number.isSafeInteger(value)) return refuse(context, 'expected a whole number');
        if (value < min || value > max) return refuse(context, `must be from ${min} to ${max}`);
        return value;
      },
      encode: (value) => value,
    })
    .meta({ form: 'number' });
}

/** A part of a whole, 0 to 1, also as a string. */
export function ratio() {
  return z
    .codec(z.union([z.number(), z.string()], { error: 'expected a number from 0 to 1' }), z.number(), {
      decode(input, context) {
        const value = typeof input === 'number' ? input : /^\d*\.?\d+$/.test(input) ? Number(input) : Number.NaN;
        return value >= 0 && value <= 1 ? value : refuse(context, 'expected a number from 0 to 1');
      },
      encode: (value) => value,
    })
    .meta({ form: '0 to 1' });
}

const TRUE = new Set(['true', 'yes', 'on']);
const FALSE = new Set(['false', 'no', 'off']);

/** `true`/`false`, and the YAML 1.1 spellings `yes`/`no`/`on`/`off` that MediaMTX files use. */
export function onOff() {
  return z
    .codec(z.union([z.boolean(), z.string()], { error: 'expected on or off' }), z.boolean(), {
      decode(input, context) {
        if (typeof input === 'boolean') return input;
        const word = input.toLowerCase();
        if (TRUE.has(word)) return true;
        if (FALSE.has(word)) return false;
        return refuse(context, 'expected on or off');
      },
      encode: (value) => value,
    })
    .meta({ form: 'on/off' });
}

/** A list, also as one comma-separated string. */
export function list<T extends z.ZodType<unknown, string>>(item: T, form: string) {
  return z
    .preprocess(
      (input) =>
        typeof input === 'string'
          ? input
              .split(',')
              .map((part) => part.trim())
              .filter((part) => part !== '')
          : input,
      z.array(item, { error: 'expected a list' }),
    )
    .meta({ form: `list of ${form}` });
}
