import type { History } from '../api/shapes.ts';

export const WINDOWS = [
  ['5m', '5 min'],
  ['15m', '15 min'],
  ['1h', '1 h'],
  ['24h', '24 h'],
] as const;
export type HistoryWindow = (typeof WINDOWS)[number][0];

export const SECONDS: Readonly<Record<HistoryWindow, number>> = { '5m': 300, '15m': 900, '1h': 3_600, '24h': 86_400 };

export function windowFrom(text: string | null): HistoryWindow {
  return WINDOWS.find(([value]) => value === text)?.[0] ?? '5m';
}

/** The finest step that goes back so far may go back farther. */
export function cut(history: History, seconds: number): History {
  const { times, stepSeconds } = history;
  const keep = Math.max(1, Math.ceil(seconds / stepSeconds));
  if (times.length <= keep) return history;
  const series = Object.fromEntries(
    Object.entries(history.series).map(([name, values]) => [name, values.slice(-keep)]),
  );
  return { stepSeconds, times: times.slice(-keep), series };
}

/** The values of one series, as many as there are times. */
export function valuesOf(history: History, name: string): readonly (number | null)[] {
  return history.series[name] ?? history.times.map(() => null);
}
