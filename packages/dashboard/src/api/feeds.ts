import { get } from './client.ts';
import { Feed } from './feed.ts';
import type { Alarm, AlarmRule, Info, Overview, Page, Session, Stream, Worker } from './shapes.ts';

const PAGE = 1_000;

/** Every item of a list, page by page. */
export async function getAll<T>(list: string, signal?: AbortSignal): Promise<readonly T[]> {
  const items: T[] = [];
  for (let page = 0; ; page++) {
    const answer = await get<Page<T>>(`${list}?itemsPerPage=${PAGE}&page=${page}`, signal);
    items.push(...answer.items);
    if (page + 1 >= answer.pageCount) return items;
  }
}

/** What several parts of the page look at, asked for once. */
export const feeds = {
  info: new Feed((signal) => get<Info>('info', signal), 60_000),
  overview: new Feed((signal) => get<Overview>('overview', signal), 1_000),
  streams: new Feed((signal) => getAll<Stream>('paths/list', signal), 2_000),
  workers: new Feed((signal) => getAll<Worker>('workers/list', signal), 1_000),
  alarms: new Feed((signal) => getAll<Alarm>('alarms', signal), 2_000),
  rules: new Feed((signal) => get<{ readonly items: readonly AlarmRule[] }>('alarms/rules', signal), 30_000),
  sessions: new Feed(allSessions, 2_000),
};

export type AnySession = Session & { readonly kind: 'webrtc' | 'rtsp' };

async function allSessions(signal: AbortSignal): Promise<readonly AnySession[]> {
  const [webrtc, rtsp] = await Promise.all([
    getAll<Session>('webrtcsessions/list', signal),
    getAll<Session>('rtspsessions/list', signal),
  ]);
  return [
    ...webrtc.map((session) => ({ ...session, kind: 'webrtc' as const })),
    ...rtsp.map((session) => ({ ...session, kind: 'rtsp' as const })),
  ];
}
