import { randomBytes } from 'node:crypto';
import { MAX_SESSIONS, type SessionSnapshot, ShardcastError } from '@shardcast/shared';
import { clientKey } from './client-key.ts';
import type { Caller, SessionInfo, SessionKind } from './media.ts';
import { Slots } from './slots.ts';
import { Tally } from './tally.ts';

/** 128 random bits: nobody guesses a session URL (RFC 9725 §5). */
const SECRET_BYTES = 16;

export type SessionEntry = {
  /** The session URL's secret, and the worker's name for the session. */
  readonly session: string;
  /** Public id: opens nothing. */
  readonly id: string;
  readonly kind: SessionInfo['kind'];
  readonly path: string;
  readonly worker: number;
  /** Counters' slot in the worker; -1 for RTSP, which has none. */
  readonly slot: number;
  readonly createdAt: Date;
  readonly remoteAddr: string;
  /** See `clientKey`. */
  readonly client: string | undefined;
  etag: string;
  /** Monotonic ms: its authorisation ends, Infinity without an end. */
  readonly expiresAtMs: number;
  /** The worker was asked to close it. */
  isEnding: boolean;
  /** Changed by `SessionRegistry.connected` only. */
  state: SessionInfo['state'];
  /** The newest value of the session: what a restore begins with. Holds keys: never shown, never logged. */
  snapshot: SessionSnapshot | undefined;
};

/** All sessions of the process, and which counters' slots of a worker they hold. */
export class SessionRegistry {
  readonly #sessions = new Map<string, SessionEntry>();
  readonly #byPath = new Map<string, Set<SessionEntry>>();
  readonly #slots: readonly Slots[];
  readonly #connectingOf = new Tally<string>();
  readonly #connectingOn = new Tally<number>();
  readonly #publishersOf = new Tally<string>();
  readonly #readersFrom = new Tally<string>();

  constructor(workers: number) {
    this.#slots = Array.from({ length: workers }, () => new Slots(MAX_SESSIONS));
  }

  /** @throws ShardcastError NO_WORKER_CAPACITY when the worker has no slot left. */
  open(kind: SessionInfo['kind'], path: string, worker: number, caller: Caller, nowMs: number): SessionEntry {
    const { remoteAddr } = caller;
    const slot = kind === 'rtsp-push' ? -1 : this.#slots[worker]?.take();
    if (slot === undefined) throw new ShardcastError('NO_WORKER_CAPACITY', 'the worker has no session left to give');
    const entry: SessionEntry = {
      session: randomBytes(SECRET_BYTES).toString('base64url'),
      id: randomBytes(SECRET_BYTES).toString('hex'),
      kind,
      path,
      worker,
      slot,
      createdAt: new Date(),
      remoteAddr,
      client: clientKey(remoteAddr),
      etag: newTag(),
      expiresAtMs: nowMs + caller.lifetimeMs,
      isEnding: false,
      state: 'connecting',
      snapshot: undefined,
    };
    this.#sessions.set(entry.session, entry);
    const siblings = this.#byPath.get(path);
    if (siblings === undefined) this.#byPath.set(path, new Set([entry]));
    else siblings.add(entry);
    if (isHalfOpen(entry)) {
      this.#connectingOn.add(worker);
      if (entry.client !== undefined) this.#connectingOf.add(entry.client);
    }
    if (entry.client !== undefined) this.#tallyOf(kind).add(entry.client);
    return entry;
  }

  /** The client has come to the worker. Idempotent. */
  connected(entry: SessionEntry): void {
    if (this.#sessions.get(entry.session) !== entry) return;
    this.#notHalfOpen(entry);
    entry.state = 'connected';
  }

  /** WHIP and WHEP sessions of a client, as `clientKey` calls it, that were answered and are not connected yet. */
  connectingOf(client: string): number {
    return this.#connectingOf.of(client);
  }

  /** The same, of a worker. */
  connectingOn(worker: number): number {
    return this.#connectingOn.of(worker);
  }

  /** Publishers of a client, WHIP and RTSP. */
  publishersOf(client: string): number {
    return this.#publishersOf.of(client);
  }

  /** Viewers of a client. */
  readersFrom(client: string): number {
    return this.#readersFrom.of(client);
  }

  /** Of all clients. */
  get count(): number {
    return this.#sessions.size;
  }

  get(session: string): SessionEntry | undefined {
    return this.#sessions.get(session);
  }

  /** @throws ShardcastError SESSION_NOT_FOUND unless the session is of that kind and path. */
  find(kind: SessionKind, path: string, session: string): SessionEntry {
    const entry = this.#sessions.get(session);
    if (entry === undefined || entry.kind !== kind || entry.path !== path) throw noSession();
    return entry;
  }

  byPublicId(id: string): SessionEntry | undefined {
    return this.all().find((entry) => entry.id === id);
  }

  renewTag(entry: SessionEntry): string {
    entry.etag = newTag();
    return entry.etag;
  }

  /** Gives the slot back: only once the worker has let go of the session. Idempotent. */
  close(session: string): SessionEntry | undefined {
    const entry = this.#sessions.get(session);
    if (entry === undefined) return undefined;
    this.#sessions.delete(session);
    const siblings = this.#byPath.get(entry.path);
    siblings?.delete(entry);
    if (siblings?.size === 0) this.#byPath.delete(entry.path);
    this.#slots[entry.worker]?.release(entry.slot);
    this.#notHalfOpen(entry);
    if (entry.client !== undefined) this.#tallyOf(entry.kind).remove(entry.client);
    return entry;
  }

  #tallyOf(kind: SessionInfo['kind']): Tally<string> {
    return kind === 'whep' ? this.#readersFrom : this.#publishersOf;
  }

  /** The worker is gone and its sessions with it. */
  workerLost(worker: number): void {
    for (const entry of this.all()) if (entry.worker === worker) this.close(entry.session);
  }

  /** Sessions on a path, publishers and viewers. */
  on(path: string): Iterable<SessionEntry> {
    return this.#byPath.get(path) ?? [];
  }

  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  readersOf(path: string): number {
    let readers = 0;
    for (const { kind } of this.on(path)) if (kind === 'whep') readers++;
    return readers;
  }

  hasPublisher(path: string): boolean {
    for (const { kind } of this.on(path)) if (kind !== 'whep') return true;
    return false;
  }

  all(): SessionEntry[] {
    return [...this.#sessions.values()];
  }

  #notHalfOpen(entry: SessionEntry): void {
    if (!isHalfOpen(entry)) return;
    this.#connectingOn.remove(entry.worker);
    if (entry.client !== undefined) this.#connectingOf.remove(entry.client);
  }
}

export function noSession(): ShardcastError {
  return new ShardcastError('SESSION_NOT_FOUND', 'no such session');
}

/** What the API shows of a session: nothing that opens it. */
export function sessionInfo(entry: SessionEntry): SessionInfo {
  const { id, kind, path, state, worker, createdAt, remoteAddr } = entry;
  return { id, kind, path, state, worker, createdAt, remoteAddr };
}

/** An RTSP publisher has a TCP connection from the beginning; its door limits those. */
function isHalfOpen({ kind, state }: SessionEntry): boolean {
  return kind !== 'rtsp-push' && state === 'connecting';
}

function newTag(): string {
  return randomBytes(8).toString('hex');
}
