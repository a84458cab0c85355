import type { MessagePort } from 'node:worker_threads';
import {
  MAX_STREAMS,
  ShardcastError,
  type SourceSpec,
  type TrackInfo,
  WORKER,
  type WorkerEvent,
} from '@shardcast/shared';
import type { Logger } from '../logging/logger.ts';
import { type Candidate, place, RESERVED_LOAD } from '../placement/policy.ts';
import { Quarantine } from '../pool/quarantine.ts';
import type { Shard } from '../pool/shard.ts';
import type { Media, PathEvent, PathInfo, SessionAnswer, SessionInfo, SessionKind } from './media.ts';
import { type SessionEntry, SessionRegistry } from './session-registry.ts';
import { Slots } from './slots.ts';

/** A stream this young has not shown up in the measured load yet. */
const MEASURE_MS = 10_000;
const SWEEP_MS = 1000;

/** A name's place in the configuration. */
export type PathRule = {
  readonly confName: string;
  readonly source: SourceSpec | 'publisher';
  /** 0 is no limit. */
  readonly maxReaders: number;
};

/** The configuration, as far as paths are concerned. */
export interface PathRules {
  /** @returns undefined when the name is not admitted. */
  resolve(name: string): PathRule | undefined;
  /** Names whose source is opened at start. */
  readonly withSources: readonly string[];
}

export type PathManagerOptions = {
  readonly shards: readonly Shard[];
  readonly rules: PathRules;
  readonly log: Logger;
  /** Monotonic ms. */
  readonly clock: () => number;
  /** How long a subscriber waits for a source that is just starting. */
  readonly startHoldMs: number;
  readonly publisherGraceMs: number;
};

type PathState = {
  readonly name: string;
  readonly rule: PathRule;
  worker: number;
  slot: number;
  placedAtMs: number;
  /** `starting`: its source was asked for; `waiting`: known, but nobody publishes. */
  state: 'starting' | 'online' | 'waiting';
  source: string | undefined;
  tracks: readonly TrackInfo[];
  onlineSince: Date | undefined;
  reason: string | undefined;
  changedAtMs: number;
};

/** Which stream lives on which worker, and who may do what with it. Owns its maps alone; workers only report. */
export class PathManager implements Media {
  readonly #options: PathManagerOptions;
  readonly #paths = new Map<string, PathState>();
  readonly #sessions: SessionRegistry;
  readonly #streamSlots: readonly Slots[];
  readonly #quarantine = new Quarantine();
  readonly #listeners = new Set<(event: PathEvent) => void>();
  readonly #sweep: NodeJS.Timeout;
  readonly #cpu = new Map<number, { atMs: number; seconds: number; load: number }>();
  #isStopping = false;

  constructor(options: PathManagerOptions) {
    this.#options = options;
    const workers = options.shards.length;
    this.#sessions = new SessionRegistry(workers);
    this.#streamSlots = Array.from({ length: workers }, () => new Slots(MAX_STREAMS));
    this.#sweep = setInterval(() => this.#tidy(options.clock()), SWEEP_MS);
  }

  // --- Media

  async publish(path: string, offer: string, remoteAddr: string): Promise<SessionAnswer> {
    const state = await this.#forPublisher(path);
    return this.#openSession('whip', state, offer, remoteAddr);
  }

  async subscribe(path: string, offer: string, remoteAddr: string): Promise<SessionAnswer> {
    const rule = this.#admit(path);
    const state = this.#paths.get(path);
    if (state === undefined || state.state === 'waiting') throw this.#notReady(path, rule, state);
    if (state.state === 'starting' && !(await this.#online(state))) throw this.#notReady(path, rule, state);
    if (rule.maxReaders > 0 && this.#sessions.readersOf(path) >= rule.maxReaders) {
      throw new ShardcastError('TOO_MANY_SESSIONS', `"${path}" has its ${rule.maxReaders} readers`);
    }
    return this.#openSession('whep', state, offer, remoteAddr);
  }

  async restartIce(
    kind: SessionKind,
    path: string,
    session: string,
    credentials: { ufrag: string; pwd: string },
  ): Promise<{ ufrag: string; pwd: string; etag: string }> {
    const entry = this.#sessions.find(kind, path, session);
    const local = await this.#shard(entry.worker).request({ type: 'restart-ice', session, ...credentials });
    return { ...local, etag: this.#sessions.renewTag(entry) };
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

  async adoptRtsp(path: string, remoteAddr: string, port: MessagePort): Promise<void> {
    const state = await this.#forPublisher(path);
    const entry = this.#sessions.open('rtsp-push', path, state.worker, remoteAddr);
    try {
      await this.#shard(state.worker).request(
        { type: 'adopt-rtsp', path, session: entry.session, remote: remoteAddr, port },
        [port],
      );
      entry.state = 'connected';
    } catch (error) {
      this.#sessions.close(entry.session);
      throw error;
    }
  }

  paths(): readonly PathInfo[] {
    return Array.from(this.#paths.values(), (state) => this.#info(state));
  }

  path(name: string): PathInfo | undefined {
    const state = this.#paths.get(name);
    return state === undefined ? undefined : this.#info(state);
  }

  sessions(): readonly SessionInfo[] {
    return this.#sessions.all().map(({ id, kind, path, state, worker, createdAt, remoteAddr }) => ({
      id,
      kind,
      path,
      state,
      worker,
      createdAt,
      remoteAddr,
    }));
  }

  onPathEvent(listener: (event: PathEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // --- what the pool reports

  workerUp(_worker: number): void {
    for (const name of this.#options.rules.withSources) {
      if (!this.#paths.has(name)) this.#openSource(name);
    }
  }

  workerLost(worker: number, reason: string): void {
    const { log, clock } = this.#options;
    const nowMs = clock();
    const residents = [...this.#paths.values()].filter((state) => state.worker === worker);
    log.error({ worker, reason, streams: residents.length }, 'worker lost');
    for (const stream of this.#quarantine.workerDied(
      residents.map(({ name }) => name),
      nowMs,
    )) {
      log.error({ path: stream }, 'stream quarantined: it keeps killing its worker');
    }
    this.#sessions.workerLost(worker);
    for (const state of residents) this.#forget(state, 'its worker was lost');
    for (const { name, rule } of residents) if (rule.source !== 'publisher') this.#openSource(name);
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
        if (entry !== undefined) entry.state = 'connected';
        break;
      }
      case 'session-closed': {
        const entry = this.#sessions.close(event.session);
        if (entry !== undefined) {
          const { kind, path } = entry;
          this.#options.log.info({ worker, path, session: entry.id, kind, reason: event.reason }, 'session closed');
        }
        break;
      }
      case 'log':
        this.#options.log[event.level]({ worker, ...event.fields }, event.message);
        break;
      case 'ready':
        break;
    }
  }

  /** No new sessions from here on. */
  stop(): void {
    this.#isStopping = true;
    clearInterval(this.#sweep);
  }

  // ---

  /** @throws SHUTTING_DOWN, PATH_NOT_FOUND, STREAM_QUARANTINED */
  #admit(path: string): PathRule {
    if (this.#isStopping) throw new ShardcastError('SHUTTING_DOWN', 'the server is stopping');
    const rule = this.#options.rules.resolve(path);
    if (rule === undefined) throw new ShardcastError('PATH_NOT_FOUND', `the path "${path}" is not configured`);
    const quarantined = this.#quarantine.reason(path, this.#options.clock());
    if (quarantined !== undefined) throw new ShardcastError('STREAM_QUARANTINED', `"${path}": ${quarantined}`);
    return rule;
  }

  async #forPublisher(path: string): Promise<PathState> {
    const rule = this.#admit(path);
    if (rule.source !== 'publisher') {
      throw new ShardcastError('PUBLISHER_EXISTS', `"${path}" has a source of its own and takes no publisher`);
    }
    const known = this.#paths.get(path);
    if (known?.state === 'online') {
      throw new ShardcastError('PUBLISHER_EXISTS', `someone is already publishing to "${path}"`);
    }
    const state = known ?? this.#assign(path, rule, 'waiting');
    await this.#shard(state.worker).request({ type: 'open-stream', path, slot: state.slot });
    return state;
  }

  #notReady(path: string, rule: PathRule, state: PathState | undefined): ShardcastError {
    // A name that only `all_others` admits is no stream unless somebody publishes it, or did a moment ago.
    const isKnown = state !== undefined || rule.confName === path;
    return isKnown
      ? new ShardcastError(
          'STREAM_NOT_READY',
          `"${path}" has no live source${state?.reason ? `: ${state.reason}` : ''}`,
        )
      : new ShardcastError('STREAM_NOT_FOUND', `nobody publishes to "${path}"`);
  }

  /** Waits until the path is online. @returns false when it is not in time. */
  #online(state: PathState): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (isOnline: boolean) => {
        clearTimeout(timer);
        stop();
        resolve(isOnline);
      };
      const timer = setTimeout(() => done(false), this.#options.startHoldMs);
      const stop = this.onPathEvent((event) => {
        if (event.path === state.name) done(event.type === 'online');
      });
    });
  }

  async #openSession(kind: SessionKind, state: PathState, offer: string, remoteAddr: string): Promise<SessionAnswer> {
    const entry = this.#sessions.open(kind, state.name, state.worker, remoteAddr);
    try {
      const { answer } = await this.#shard(state.worker).request({
        type: kind === 'whip' ? 'publish' : 'subscribe',
        path: state.name,
        session: entry.session,
        slot: entry.slot,
        offer,
      });
      return { session: entry.session, answer, etag: entry.etag };
    } catch (error) {
      this.#sessions.close(entry.session);
      throw error;
    }
  }

  async #close(entry: SessionEntry, reason: string): Promise<void> {
    // The registry lets go when the worker says that the session is closed: its slot is in use until then.
    await this.#shard(entry.worker).request({ type: 'close-session', session: entry.session, reason });
    this.#sessions.close(entry.session);
  }

  #openSource(name: string): void {
    const { rules, log, clock } = this.#options;
    const rule = rules.resolve(name);
    if (rule === undefined || rule.source === 'publisher' || this.#isStopping) return;
    const { source } = rule;
    if (this.#quarantine.reason(name, clock()) !== undefined) return;
    if (this.#candidates().every(({ isAccepting }) => !isAccepting)) return; // `workerUp` tries again
    const state = this.#assign(name, rule, 'starting');
    const shard = this.#shard(state.worker);
    shard
      .request({ type: 'open-stream', path: name, slot: state.slot })
      .then(() => shard.request({ type: 'open-source', path: name, source }))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.error({ path: name, worker: state.worker, reason }, 'source not opened');
        state.state = 'waiting';
        state.reason = reason;
      });
  }

  #assign(name: string, rule: PathRule, initial: PathState['state']): PathState {
    const placement = place(name, this.#candidates());
    const slot = placement === undefined ? undefined : this.#streamSlots[placement.worker]?.take();
    if (placement === undefined || slot === undefined) {
      throw new ShardcastError('NO_WORKER_CAPACITY', 'no worker takes another stream now');
    }
    const nowMs = this.#options.clock();
    const state: PathState = {
      name,
      rule,
      worker: placement.worker,
      slot,
      placedAtMs: nowMs,
      state: initial,
      source: undefined,
      tracks: [],
      onlineSince: undefined,
      reason: undefined,
      changedAtMs: nowMs,
    };
    this.#shard(placement.worker).telemetry.clearStream(slot);
    this.#paths.set(name, state);
    this.#options.log.debug({ path: name, worker: state.worker, reason: placement.reason }, 'stream placed');
    return state;
  }

  #candidates(): Candidate[] {
    const nowMs = this.#options.clock();
    return this.#options.shards.map((shard) => {
      let reserved = 0;
      for (const state of this.#paths.values()) {
        if (state.worker === shard.worker && nowMs - state.placedAtMs < MEASURE_MS) reserved += RESERVED_LOAD;
      }
      return {
        worker: shard.worker,
        load: (this.#cpu.get(shard.worker)?.load ?? 0) + reserved,
        isAccepting: shard.state === 'up',
      };
    });
  }

  #streamOnline(worker: number, path: string, source: string, tracks: readonly TrackInfo[]): void {
    const state = this.#paths.get(path);
    if (state === undefined || state.worker !== worker) return;
    state.state = 'online';
    state.source = source;
    state.tracks = tracks;
    state.onlineSince = new Date();
    state.reason = undefined;
    state.changedAtMs = this.#options.clock();
    const codecs = tracks.filter((track) => track.skipped === undefined).map((track) => track.codec);
    this.#options.log.info({ path, worker, source, codecs }, 'stream online');
    this.#tell({ type: 'online', path, tracks });
  }

  #streamOffline(worker: number, path: string, reason: string): void {
    const state = this.#paths.get(path);
    if (state === undefined || state.worker !== worker) return;
    state.reason = reason;
    if (state.state !== 'online') return; // a source that could not be had; it tries again by itself
    state.state = state.rule.source === 'publisher' ? 'waiting' : 'starting';
    state.onlineSince = undefined;
    state.changedAtMs = this.#options.clock();
    this.#options.log.info({ path, worker, reason }, 'stream offline');
    this.#tell({ type: 'offline', path, reason });
  }

  /** Drops what is known of a path; its stream in the worker is gone or told to go. */
  #forget(state: PathState, reason: string): void {
    this.#paths.delete(state.name);
    this.#streamSlots[state.worker]?.release(state.slot);
    if (state.state === 'online') this.#tell({ type: 'offline', path: state.name, reason });
  }

  #tidy(nowMs: number): void {
    for (const { worker, telemetry } of this.#options.shards) {
      const seconds = telemetry.counters[WORKER.cpuSeconds] as number;
      const last = this.#cpu.get(worker);
      const load = last === undefined ? 0 : ((seconds - last.seconds) * 1000) / Math.max(1, nowMs - last.atMs);
      this.#cpu.set(worker, { atMs: nowMs, seconds, load: Math.max(0, load) });
    }
    for (const state of [...this.#paths.values()]) {
      const isAbandoned =
        state.state === 'waiting' &&
        state.rule.source === 'publisher' &&
        nowMs - state.changedAtMs > this.#options.publisherGraceMs &&
        !this.#sessions.all().some((entry) => entry.path === state.name);
      if (!isAbandoned) continue;
      // The slot is free only when the worker has let go of it.
      this.#paths.delete(state.name);
      const release = () => this.#streamSlots[state.worker]?.release(state.slot);
      this.#shard(state.worker)
        .request({ type: 'close-stream', path: state.name, reason: 'nobody publishes' })
        .then(release, release);
    }
    for (const name of this.#options.rules.withSources) if (!this.#paths.has(name)) this.#openSource(name);
  }

  #info(state: PathState): PathInfo {
    return {
      name: state.name,
      confName: state.rule.confName,
      source: state.source === undefined ? undefined : { type: state.source },
      reason: state.state === 'online' ? undefined : (state.reason ?? 'it has not begun yet'),
      online: state.state === 'online',
      onlineSince: state.onlineSince,
      tracks: state.tracks,
      readers: this.#sessions.readersOf(state.name),
      worker: state.worker,
      slot: state.slot,
    };
  }

  #shard(worker: number): Shard {
    const shard = this.#options.shards[worker];
    if (shard === undefined) throw new TypeError(`no worker ${worker}`);
    return shard;
  }

  #tell(event: PathEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
