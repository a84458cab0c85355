import { useRef } from 'preact/hooks';
import { get } from '../api/client.ts';
import { useOwnFeed } from '../api/feed.ts';
import type { History } from '../api/shapes.ts';
import { cut, type HistoryWindow, SECONDS } from './history-window.ts';

/** How often there is a new point. */
const EVERY_MS: Readonly<Record<HistoryWindow, number>> = { '5m': 1_000, '15m': 5_000, '1h': 10_000, '24h': 60_000 };
/** Figures of the process, or of one stream, over that time. */
export function useHistory(window: HistoryWindow, series: readonly string[], path?: string) {
  const query = new URLSearchParams({ window, series: series.join(',') });
  if (path !== undefined) query.set('path', path);
  const feed = useOwnFeed(
    query.toString(),
    async (signal) => cut(await get<History>(`history?${query}`, signal), SECONDS[window]),
    EVERY_MS[window],
  );
  // Another window's figures stay on show until this one's are there, so that nothing jumps.
  const shown = useRef<History | undefined>(undefined);
  shown.current = feed.data.value ?? shown.current;
  return { history: shown.current, error: feed.error.value };
}
