import type { LogPage } from '../api/shapes.ts';

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

export type LogLine = {
  readonly id: number;
  readonly level: string;
  readonly time: string;
  readonly message: string;
  /** The other fields, as `path=cam1 worker=0`. */
  readonly details: string;
  /** The whole of it, to be read. */
  readonly whole: string;
};

/** More than the server keeps says nothing. */
const MOST = 1_000;

/** A line of the log as the API gives it: JSON, or the beginning of it. */
export function parseLine({ id, line }: LogPage['items'][number]): LogLine {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>; // pino writes an object a line
  } catch {
    return { id, level: '', time: '', message: line, details: '', whole: line };
  }
  const { level, time, msg, ...rest } = fields;
  return {
    id,
    level: text(level),
    time: text(time),
    message: text(msg),
    details: Object.entries(rest)
      .map(([key, value]) => `${key}=${text(value)}`)
      .join(' '),
    whole: JSON.stringify(fields, null, 2),
  };
}

/** What was known and what came after; a server that was restarted begins anew. */
export function appended(known: readonly LogLine[], page: LogPage): readonly LogLine[] {
  const last = known.at(-1)?.id ?? 0;
  if (page.last < last) return page.items.map(parseLine);
  if (page.items.length === 0) return known;
  return [...known, ...page.items.filter(({ id }) => id > last).map(parseLine)].slice(-MOST);
}

/** Lines of that level and worse. */
export function atLeast(lines: readonly LogLine[], level: string): readonly LogLine[] {
  const least = LEVELS.indexOf(level as (typeof LEVELS)[number]); // -1 for others: all
  return lines.filter((line) => line.level === '' || LEVELS.indexOf(line.level as (typeof LEVELS)[number]) >= least);
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(',');
  return value === undefined ? '' : JSON.stringify(value);
}
