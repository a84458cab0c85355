import { ShardcastError, type StreamFacts, Telemetry } from '@shardcast/shared';
import type {
  Media,
  PathEvent,
  PathInfo,
  PlacementInfo,
  SessionAnswer,
  SessionInfo,
  SessionKind,
  ShardView,
} from '../src/paths/media.ts';

/** An answer with what the doors read of one. */
export const ANSWER = [
  'v=0',
  'a=ice-lite',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=mid:0',
  'a=ice-ufrag:srvU',
  'a=ice-pwd:serverpasswordserverpw1',
  'a=candidate:1 1 udp 2130706431 127.0.0.1 8189 typ host',
  '',
].join('\r\n');

export const OFFER = ['v=0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:cliU', 'a=mid:0', ''].join('\r\n');

export function pathInfo(name: string, more: Partial<PathInfo> = {}): PathInfo {
  return {
    name,
    confName: 'all_others',
    source: { type: 'whip' },
    reason: undefined,
    online: true,
    onlineSince: new Date('2026-01-02T03:04:05Z'),
    tracks: [{ kind: 'video', codec: 'H264', clockRate: 90_000 }],
    readers: 1,
    worker: 0,
    slot: 0,
    ...more,
  };
}

export function shardView(worker: number, more: Partial<ShardView> = {}): ShardView {
  return {
    worker,
    state: 'up',
    restarts: 0,
    telemetry: new Telemetry(Telemetry.allocate()),
    fastPath: 'portable',
    dtls: 'werift',
    udpPort: 8189 + worker,
    eventLoopUtilization: () => 0.25,
    ...more,
  };
}

type Open = { readonly kind: SessionKind; readonly path: string; tag: string };

/** A Media without media: sessions open and close, and a path's name can be made to fail. */
export class FakeMedia implements Media {
  readonly open = new Map<string, Open>();
  readonly failures = new Map<string, ShardcastError>();
  readonly restarts: { ufrag: string; pwd: string }[] = [];
  readonly listeners = new Set<(event: PathEvent) => void>();
  infos: PathInfo[] = [];
  facts: StreamFacts = { tracks: [] };
  readonly placements = new Map<string, PlacementInfo>();
  sessionInfos: SessionInfo[] = [];
  /** Set to hold answers back. */
  gate: Promise<void> = Promise.resolve();
  #next = 1;

  publish(path: string): Promise<SessionAnswer> {
    return this.#answer('whip', path);
  }
  subscribe(path: string): Promise<SessionAnswer> {
    return this.#answer('whep', path);
  }
  async restartIce(kind: SessionKind, path: string, session: string, credentials: { ufrag: string; pwd: string }) {
    const open = this.#session(kind, path, session);
    this.restarts.push(credentials);
    open.tag = `tag${this.restarts.length + 1}`;
    return { ufrag: 'newU', pwd: 'newpasswordnewpassword', etag: open.tag };
  }
  sessionTag(kind: SessionKind, path: string, session: string): string {
    return this.#session(kind, path, session).tag;
  }
  async closeSession(kind: SessionKind, path: string, session: string): Promise<void> {
    this.#session(kind, path, session);
    this.open.delete(session);
  }
  async adoptRtsp(): Promise<void> {}
  paths(): readonly PathInfo[] {
    return this.infos;
  }
  path(name: string): PathInfo | undefined {
    return this.infos.find((info) => info.name === name);
  }
  async examine(name: string): Promise<StreamFacts> {
    if (this.path(name) === undefined) throw new ShardcastError('PATH_NOT_FOUND', 'there is no such path');
    return this.facts;
  }
  placement(name: string): PlacementInfo | undefined {
    return this.placements.get(name);
  }
  sessions(): readonly SessionInfo[] {
    return this.sessionInfos;
  }
  onPathEvent(listener: (event: PathEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  emit(event: PathEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  async #answer(kind: SessionKind, path: string): Promise<SessionAnswer> {
    await this.gate;
    const failure = this.failures.get(path);
    if (failure !== undefined) throw failure;
    const n = this.#next++;
    const session = `secret-${n}`;
    this.open.set(session, { kind, path, tag: 'tag1' });
    return { session, id: `public-${n}`, answer: ANSWER, etag: 'tag1' };
  }

  #session(kind: SessionKind, path: string, session: string): Open {
    const open = this.open.get(session);
    if (open === undefined || open.kind !== kind || open.path !== path)
      throw new ShardcastError('SESSION_NOT_FOUND', 'there is no such session');
    return open;
  }
}
