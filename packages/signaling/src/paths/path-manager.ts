import {
  assertNever,
  type RtspCarrier,
  ShardcastError,
  type StreamFacts,
  type TrackInfo,
  type WorkerEvent,
} from '@shardcast/shared';
import type { PathEffect } from '../config/effects.ts';
import type { Logger } from '../logging/logger.ts';
import { Quarantine } from '../pool/quarantine.ts';
import type { WorkerLoss } from '../pool/shard.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { ask, isWanted, watched } from './demand.ts';
import { Housing, type PathShard } from './housing.ts';
import { Inquest } from './inquest.ts';
import type {
  Caller,
  Media,
  PathEvent,
  PathInfo,
  PlacementInfo,
  SessionAnswer,
  SessionInfo,
  SessionKind,
} from './media.ts';
import { OnlineWaiters } from './online-waiters.ts';
import { PathAnnouncer } from './path-announcer.ts';
import { pathInfo } from './path-info.ts';
import type { OnDemand, PathRules } from './path-rules.ts';
import { goesOn, pathEffects } from './rule-changes.ts';
import { noSession, type SessionEntry, SessionRegistry, sessionInfo } from './session-registry.ts';
import { Sources } from './sources.ts';
import { type PathState, StreamRegistry } from './stream-registry.ts';

const SWEEP_MS = 1000;

export type PathManagerOptions = {
  readonly shards: readonly PathShard[];
  readonly rules: PathRules;
  readonly log: Logger;
  /** Monotonic ms. */
  readonly clock: () => number;
  /** How long a subscriber waits for a source that is just starting. */
  readonly startHoldMs: number;
  /** How long a path that lost its publisher is kept for it. */
  readonly publisherGraceMs: number;
  readonly limits: AdmissionLimits;
};

/** Which stream lives on which worker, and who may do what with it. Owns its maps alone; workers only report. */
export class PathManager implements Media {
  readonly #options: PathManagerOptions;
  readonly #sessions: SessionRegistry;
  readonly #streams: StreamRegistry;
  readonly #housing: Housing;
  readonly #sources: Sources;
  readonly #quarantine = new Quarantine();
  readonly #waiters = new OnlineWaiters();
  readonly #announcer: PathAnnouncer;
  readonly #admission: Admission;
  readonly #inquest: Inquest;
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: PathManagerOptions) {
    const { shards, log, clock } = options;
    this.#options = options;
    this.#announcer = new PathAnnouncer({ log, clock });
    this.#sessions = new SessionRegistry(shards.length);
    this.#streams = new StreamRegistry(shards.length);
    this.#inquest = new Inquest(this.#quarantine, log);
    this.#housing = new Housing({ shards, streams: this.#streams, quarantine: this.#quarantine, log }, clock());
    this.#sources = new Sources({
      shards,
      streams: this.#streams,
      housing: this.#housing,
      quarantine: this.#quarantine,
      log,
      clock,
      onFailed: ({ name }) => this.#waiters.settle(name, false),
    });
    this.#admission = new Admission({
      rules: options.rules,
      streams: this.#streams,
      sessions: this.#sessions,
      quarantine: this.#quarantine,
      limits: options.limits,
      clock,
    });
    this.#nameConfigured();
    this.#sweeper = setInterval(() => this.#sweep(clock()), SWEEP_MS);
  }

  // --- Media

  async publish(path: string, offer: string, caller: Caller): Promise<SessionAnswer> {
    return this.#openSession('whip', this.#admission.publisher('whip', path, caller.remoteAddr), offer, caller);
  }

  async subscribe(path: string, offer: string, caller: Caller): Promise<SessionAnswer> {
    const rule = this.#admission.path(path);
    if (rule.onDemand === undefined) await this.#hold(path);
    else await this.#demand(this.#admission.asker(path, rule, caller.remoteAddr), rule.onDemand);
    // Asked again: the stream may have another home now, the path another rule, and the server may be stopping.
    return this.#openSession('whep', this.#admission.viewer(path, caller.remoteAddr), offer, caller);
  }

  async restartIce(
    kind: SessionKind,
    path: string,
    session: string,
    credentials: { ufrag: string; pwd: string },
  ): Promise<{ ufrag: string; pwd: string; etag: string }> {
    const entry = this.#sessions.find(kind, path, session);
    try {
      const local = await this.#shard(entry.worker).request({ type: 'restart-ice', session, ...credentials });
      return { ...local, etag: this.#sessions.renewTag(entry) };
    } catch (error) {
      throw isWorkerLost(error) ? noSession() : error; // it went with its worker
    }
  }

  sessionTag(kind: SessionKind, path: string, session: string): string {
    return this.#sessions.find(kind, path, session).etag;
  }

  async closeSession(kind: SessionKind, path: string, session: string): Promise<void> {
    await this.#close(this.#sessions.find(kind, path, session), 'the client asked for it');
  }

  /** Ends a session by its public id. @returns false when there is none. */
  async kick(id: string): Promise<boolean> {
    const entry = this.#sessions.byPublicId(id);
    if (entry === undefined) return false;
    await this.#close(entry, 'an operator ended the session');
    return true;
  }

  async adoptRtsp(path: string, caller: Caller, carrier: RtspCarrier): Promise<void> {
    const { remoteAddr } = caller;
    const state = this.#admission.publisher('rtsp-push', path, remoteAddr);
    const { entry, shard } = await this.#begin('rtsp-push', state, caller);
    const { session } = entry;
    const transfer = carrier.type === 'relay' ? [carrier.port] : [];
    const request = shard.request({ type: 'adopt-rtsp', path, session, remote: remoteAddr, carrier }, transfer);
    await this.#orGone(entry, request);
    this.#sessions.connected(entry);
  }

  paths(): readonly PathInfo[] {
    return this.#streams.all().map((state) => this.#info(state));
  }

  path(name: string): PathInfo | undefined {
    const state = this.#streams.get(name);
    return state === undefined ? undefined : this.#info(state);
  }

  async examine(name: string): Promise<StreamFacts> {
    const state = this.#streams.get(name);
    if (state === undefined) throw new ShardcastError('PATH_NOT_FOUND', 'there is no such path');
    if (state.home === undefined) return { tracks: [] };
    try {
      return await this.#shard(state.home.worker).request({ type: 'examine-stream', path: name });
    } catch (error) {
      if (isGone(error)) return { tracks: [] }; // it ended meanwhile
      throw error;
    }
  }

  placement(name: string): PlacementInfo | undefined {
    const state = this.#streams.get(name);
    if (state === undefined) return undefined;
    const { home } = state;
    const nowMs = this.#options.clock();
    const placed = home && { reason: home.reason, ageMs: nowMs - home.sinceMs };
    return { worker: home?.worker, placed, now: this.#housing.explain(state, nowMs) };
  }

  sessions(): readonly SessionInfo[] {
    return this.#sessions.all().map(sessionInfo);
  }

  onPathEvent(listener: (event: PathEvent) => void): () => void {
    return this.#announcer.listen(listener);
  }

  // --- what the pool reports

  workerUp(_worker: number): void {
    if (!this.#admission.isClosed) this.#sources.workerUp();
  }

  workerLost(worker: number, loss: WorkerLoss): void {
    const nowMs = this.#options.clock();
    const residents = this.#streams.residents(worker);
    this.#housing.workerLost(worker);
    this.#sessions.workerLost(worker);
    this.#inquest.hold(worker, loss, residents, nowMs);
    for (const state of residents) {
      this.#streams.vacate(state)(); // the thread is gone: nobody writes to the slot any more
      state.lostWorker = worker;
      this.#goOffline(state, 'its worker was lost', nowMs);
    }
    if (!this.#admission.isClosed) for (const state of residents) this.#sources.open(state);
  }

  workerEvent(worker: number, event: WorkerEvent): void {
    switch (event.event) {
      case 'stream-online':
        this.#streamOnline(worker, event.path, event.source, event.tracks);
        break;
      case 'stream-offline':
        this.#streamOffline(worker, event.path, event.reason);
        break;
      case 'snapshot': {
        const entry = this.#sessions.get(event.snapshot.id);
        if (entry === undefined) break;
        this.#sessions.connected(entry);
        entry.snapshot = event.snapshot;
        break;
      }
      case 'session-closed': {
        const entry = this.#sessions.get(event.session);
        if (entry === undefined) break;
        const { kind, path, id } = entry;
        this.#options.log.info({ worker, path, session: id, kind, reason: event.reason }, 'session closed');
        this.#sessionGone(entry, event.reason);
        break;
      }
      case 'log':
        this.#options.log[event.level]({ worker, ...event.fields }, event.message);
        break;
      case 'ready':
        break;
      default:
        assertNever(event);
    }
  }

  /** What `reconfigure` would do. */
  preview(rules: PathRules): PathEffect[] {
    return pathEffects(this.#streams.all(), rules, (path) => this.#sessions.readersOf(path));
  }

  /** The configuration changed: paths whose source is another or that are no longer admitted begin anew or end. */
  reconfigure(rules: PathRules): void {
    this.#admission.rules = rules;
    for (const state of this.#streams.all()) {
      const rule = rules.resolve(state.name);
      if (rule !== undefined && goesOn(state, rules)) {
        state.rule = rule;
        continue;
      }
      this.#quarantine.release(state.name);
      this.#end(state, rule === undefined ? 'the path is no longer configured' : 'its configuration changed');
    }
    this.#nameConfigured();
    if (!this.#admission.isClosed) this.#sources.openAll();
  }

  /** No new sessions from here on. */
  stop(): void {
    this.#admission.close();
    clearInterval(this.#sweeper);
    this.#waiters.close();
    this.#announcer.close();
  }

  // --- sessions

  /** A viewer may come a moment before its stream. A camera that has been away for long is not waited for. */
  async #hold(path: string): Promise<void> {
    const state = this.#streams.get(path);
    if (state?.state !== 'starting') return;
    const leftMs = state.changedAtMs + this.#options.startHoldMs - this.#options.clock();
    if (leftMs > 0) await this.#waiters.wait(path, leftMs);
  }

  /** The source of a path on demand is opened for its first viewer, who waits for it with those who come meanwhile. */
  async #demand(state: PathState, { startTimeoutMs }: OnDemand): Promise<void> {
    ask(state, this.#options.clock());
    if (state.state === 'online') return;
    this.#sources.open(state);
    await this.#waiters.wait(state.name, startTimeoutMs);
  }

  async #openSession(kind: SessionKind, state: PathState, offer: string, caller: Caller): Promise<SessionAnswer> {
    const { entry, shard } = await this.#begin(kind, state, caller);
    const { session, id, slot, etag } = entry;
    const type = kind === 'whip' ? 'publish' : 'subscribe';
    const request = shard.request({ type, path: state.name, session, slot, offer });
    const { answer } = await this.#orGone(entry, request);
    return { session, id, answer, etag };
  }

  /** Enters a session and, for a publisher, makes sure that its worker knows the stream. */
  async #begin(
    kind: SessionInfo['kind'],
    state: PathState,
    caller: Caller,
  ): Promise<{ entry: SessionEntry; shard: PathShard }> {
    const nowMs = this.#options.clock();
    const { entry, home } = this.#enter(kind, state, caller, nowMs);
    const shard = this.#shard(home.worker);
    if (kind === 'whep') return { entry, shard };
    if (state.state === 'idle') {
      state.state = 'starting';
      state.changedAtMs = nowMs;
    }
    const { name: path, rule } = state;
    const { overridePublisher } = rule;
    await this.#orGone(entry, shard.request({ type: 'open-stream', path, slot: home.slot, overridePublisher }));
    return { entry, shard };
  }

  #enter(kind: SessionInfo['kind'], state: PathState, caller: Caller, nowMs: number) {
    try {
      const home = this.#housing.house(state, nowMs);
      if (kind !== 'rtsp-push') this.#admission.worker(home.worker);
      return { home, entry: this.#sessions.open(kind, state.name, home.worker, caller, nowMs) };
    } catch (error) {
      this.#endUnused(state, messageOf(error));
      throw error;
    }
  }

  /** A session that its worker refuses is over. One whose worker is lost is `workerLost`'s, which needs to see it. */
  async #orGone<T>(entry: SessionEntry, request: Promise<T>): Promise<T> {
    try {
      return await request;
    } catch (error) {
      if (!isWorkerLost(error)) this.#sessionGone(entry, messageOf(error));
      throw error;
    }
  }

  async #close(entry: SessionEntry, reason: string): Promise<void> {
    try {
      // Its slot is in use until the worker has let go of it.
      await this.#shard(entry.worker).request({ type: 'close-session', session: entry.session, reason });
    } catch (error) {
      if (isWorkerLost(error)) return; // it went with its worker
      throw error;
    }
    this.#sessionGone(entry, reason);
  }

  /** Idempotent. */
  #sessionGone({ session, kind, path }: SessionEntry, reason: string): void {
    if (this.#sessions.close(session) === undefined || kind === 'whep') return;
    const state = this.#streams.get(path);
    if (state?.state !== 'starting' || this.#sessions.hasPublisher(path)) return;
    // It never came to publish. Viewers of an earlier publisher have the grace to wait for the next.
    state.state = 'idle';
    state.reason = reason;
    state.changedAtMs = this.#options.clock();
    this.#waiters.settle(path, false);
    this.#endUnused(state, reason);
  }

  /** Whoever tries names at random must not fill the workers with streams that never were. */
  #endUnused(state: PathState, reason: string): void {
    if (state.state === 'idle' && !state.wasOnline && !this.#sessions.has(state.name)) this.#end(state, reason);
  }

  // --- streams

  #streamOnline(worker: number, path: string, source: string, tracks: readonly TrackInfo[]): void {
    const state = this.#streams.get(path);
    if (state?.home?.worker !== worker) return;
    if (state.state !== 'online') {
      state.onlineSince = new Date();
      state.changedAtMs = this.#options.clock();
    }
    state.state = 'online';
    state.source = source;
    state.tracks = tracks;
    state.reason = undefined;
    state.wasOnline = true;
    state.lostWorker = undefined;
    const codecs = tracks.filter((track) => track.skipped === undefined).map((track) => track.codec);
    this.#announcer.tell({ type: 'online', path, tracks }, { worker, source, codecs });
    this.#waiters.settle(path, true);
  }

  #streamOffline(worker: number, path: string, reason: string): void {
    const state = this.#streams.get(path);
    if (state?.home?.worker !== worker) return;
    // One that was not online is a source that could not be had; it tries again by itself.
    if (state.state !== 'online') state.reason = reason;
    else this.#goOffline(state, reason, this.#options.clock());
  }

  #goOffline(state: PathState, reason: string, nowMs: number): void {
    const { name, state: before } = state;
    // Whoever publishes must come back; what we pull, somebody is dialling already, unless nobody wants it.
    state.state = state.rule.source === 'publisher' || !isWanted(state, nowMs) ? 'idle' : 'starting';
    state.onlineSince = undefined;
    state.reason = reason;
    state.changedAtMs = nowMs;
    if (state.state === 'idle') this.#waiters.settle(name, false);
    if (before !== 'online') return;
    this.#announcer.tell({ type: 'offline', path: name, reason }, { reason });
  }

  /** Ends a stream in its worker and forgets it, but for a name that the configuration spells out. */
  #end(state: PathState, reason: string): void {
    const { home } = state;
    const release = this.#streams.vacate(state);
    if (home !== undefined) {
      // The slot is free only when the worker has let go of it.
      this.#shard(home.worker).request({ type: 'close-stream', path: state.name, reason }).then(release, release);
    }
    this.#goOffline(state, reason, this.#options.clock());
    this.#streams.delete(state);
    this.#nameConfigured();
  }

  /** Names of the configuration are listed, used or not. */
  #nameConfigured(): void {
    const { rules } = this.#admission;
    for (const name of rules.configured) {
      const rule = rules.resolve(name);
      if (rule !== undefined) this.#streams.ensure(name, rule, this.#options.clock());
    }
  }

  #sweep(nowMs: number): void {
    this.#housing.sample(nowMs);
    this.#announcer.prune(nowMs);
    this.#endExpired(nowMs);
    for (const state of this.#streams.all()) {
      const isUntouched = state.home === undefined && !state.wasOnline && state.rule.confName === state.name;
      const isAbandoned =
        state.rule.source === 'publisher' &&
        state.state === 'idle' &&
        nowMs - state.changedAtMs > this.#options.publisherGraceMs &&
        !this.#sessions.has(state.name);
      if (isAbandoned && !isUntouched) this.#end(state, 'nobody publishes');
      else this.#endUnwanted(state, nowMs);
    }
    this.#sources.openAll();
  }

  /** Also a name that a pattern admits and whose source never came. */
  #endUnwanted(state: PathState, nowMs: number): void {
    const { name, home, rule } = state;
    if (rule.onDemand !== undefined && this.#sessions.has(name)) watched(state, nowMs);
    if (isWanted(state, nowMs) || (home === undefined && rule.confName === name)) return;
    this.#end(state, 'nobody watches');
  }

  #endExpired(nowMs: number): void {
    for (const entry of this.#sessions.all()) {
      if (entry.expiresAtMs > nowMs || entry.isEnding) continue;
      entry.isEnding = true;
      this.#close(entry, 'its authorisation expired').catch((error: unknown) => {
        this.#options.log.error({ err: error, session: entry.id }, 'an expired session was not closed');
        entry.isEnding = false; // the next sweep tries again
      });
    }
  }

  #info(state: PathState): PathInfo {
    const quarantined = this.#quarantine.reason(state.name, this.#options.clock());
    return pathInfo(state, this.#sessions.readersOf(state.name), quarantined);
  }

  #shard(worker: number): PathShard {
    const shard = this.#options.shards[worker];
    if (shard === undefined) throw new TypeError(`no worker ${worker}`);
    return shard;
  }
}

function isWorkerLost(error: unknown): boolean {
  return error instanceof ShardcastError && error.code === 'WORKER_LOST';
}

function isGone(error: unknown): boolean {
  return isWorkerLost(error) || (error instanceof ShardcastError && error.code === 'STREAM_NOT_FOUND');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
