import { ShardcastError } from '@shardcast/shared';
import type { Quarantine } from '../pool/quarantine.ts';
import { clientKey } from './client-key.ts';
import type { PathRule, PathRules } from './path-rules.ts';
import type { SessionRegistry } from './session-registry.ts';
import type { PathState, StreamRegistry } from './stream-registry.ts';

/** 0 is no limit. Clients on this host are exempt from what is counted by client. */
export type AdmissionLimits = {
  /** WHIP and WHEP sessions that a client may have answered and not connected. */
  readonly connectingPerClient: number;
  readonly connectingPerWorker: number;
  /** WHIP and RTSP publishers of a client. */
  readonly publishersPerClient: number;
  readonly readersPerClient: number;
  /** Of all clients, this host included. */
  readonly sessions: number;
};

export type AdmissionOptions = {
  readonly rules: PathRules;
  readonly streams: StreamRegistry;
  readonly sessions: SessionRegistry;
  readonly quarantine: Quarantine;
  readonly limits: AdmissionLimits;
  readonly clock: () => number;
};

/** Who may publish and watch what, now. Decides without asking a worker, and opens nothing. */
export class Admission {
  rules: PathRules;
  readonly #options: AdmissionOptions;
  #isClosed = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.rules = options.rules;
  }

  /** Everybody is refused from here on. */
  close(): void {
    this.#isClosed = true;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws ShardcastError SHUTTING_DOWN, PATH_NOT_FOUND, STREAM_QUARANTINED */
  path(path: string): PathRule {
    if (this.#isClosed) throw new ShardcastError('SHUTTING_DOWN', 'the server is stopping');
    const rule = this.rules.resolve(path);
    if (rule === undefined) throw new ShardcastError('PATH_NOT_FOUND', `the path "${path}" is not configured`);
    const quarantined = this.#options.quarantine.reason(path, this.#options.clock());
    if (quarantined !== undefined) throw new ShardcastError('STREAM_QUARANTINED', `"${path}": ${quarantined}`);
    return rule;
  }

  /**
   * The worker says who of several connecting publishers is first, and ends one that is taken over.
   * @throws ShardcastError what `path` does, CLIENT_OVER_LIMIT, TOO_MANY_SESSIONS and PUBLISHER_EXISTS
   */
  publisher(kind: 'whip' | 'rtsp-push', path: string, remoteAddr: string): PathState {
    const { streams, sessions, limits, clock } = this.#options;
    const rule = this.path(path);
    if (rule.source !== 'publisher') {
      throw new ShardcastError('PUBLISHER_EXISTS', `"${path}" has a source of its own and takes no publisher`);
    }
    if (!rule.overridePublisher && streams.get(path)?.state === 'online') {
      throw new ShardcastError('PUBLISHER_EXISTS', `someone is already publishing to "${path}"`);
    }
    this.#room();
    const client = clientKey(remoteAddr);
    if (client !== undefined && isReached(limits.publishersPerClient, sessions.publishersOf(client))) {
      throw new ShardcastError('CLIENT_OVER_LIMIT', `${limits.publishersPerClient} publishers come from there already`);
    }
    if (kind === 'whip') this.#newcomer(client);
    return streams.ensure(path, rule, clock());
  }

  /**
   * @returns a stream that is online
   * @throws ShardcastError what `path` does, STREAM_NOT_READY, STREAM_NOT_FOUND, TOO_MANY_SESSIONS,
   * CLIENT_OVER_LIMIT
   */
  viewer(path: string, remoteAddr: string): PathState {
    const rule = this.path(path);
    const state = this.#options.streams.get(path);
    if (state?.state !== 'online') throw notReady(path, rule, state);
    this.#viewer(path, rule, remoteAddr);
    return state;
  }

  /**
   * Who wants to watch a source that is open on demand only.
   * @throws ShardcastError what `viewer` does, but that it is not ready
   */
  asker(path: string, rule: PathRule, remoteAddr: string): PathState {
    this.#viewer(path, rule, remoteAddr);
    return this.#options.streams.ensure(path, rule, this.#options.clock());
  }

  #viewer(path: string, rule: PathRule, remoteAddr: string): void {
    const { limits, sessions } = this.#options;
    if (isReached(rule.maxReaders, sessions.readersOf(path))) {
      throw new ShardcastError('TOO_MANY_SESSIONS', `"${path}" has its ${rule.maxReaders} readers`);
    }
    this.#room();
    const client = clientKey(remoteAddr);
    if (client !== undefined && isReached(limits.readersPerClient, sessions.readersFrom(client))) {
      throw new ShardcastError('CLIENT_OVER_LIMIT', `${limits.readersPerClient} viewers watch from there already`);
    }
    this.#newcomer(client);
  }

  /** @throws ShardcastError TOO_MANY_CONNECTING */
  worker(worker: number): void {
    const { limits, sessions } = this.#options;
    if (isReached(limits.connectingPerWorker, sessions.connectingOn(worker))) {
      throw new ShardcastError('TOO_MANY_CONNECTING', 'too many sessions are connecting now');
    }
  }

  #room(): void {
    const { limits, sessions } = this.#options;
    if (isReached(limits.sessions, sessions.count)) {
      throw new ShardcastError('TOO_MANY_SESSIONS', `the server has its ${limits.sessions} sessions`);
    }
  }

  /** Sessions that nobody connects hold their slots until the handshake's deadline. */
  #newcomer(client: string | undefined): void {
    const { limits, sessions } = this.#options;
    if (client !== undefined && isReached(limits.connectingPerClient, sessions.connectingOf(client))) {
      throw new ShardcastError('CLIENT_OVER_LIMIT', 'too many sessions from there are not connected yet');
    }
  }
}

function isReached(limit: number, count: number): boolean {
  return limit > 0 && count >= limit;
}

function notReady(path: string, rule: PathRule, state: PathState | undefined): ShardcastError {
  // A name that only a pattern admits is no stream unless somebody publishes it, or did a moment ago.
  const isNamed = rule.confName === path || rule.onDemand !== undefined;
  const isKnown = isNamed || state?.wasOnline === true || state?.state === 'starting';
  if (!isKnown) return new ShardcastError('STREAM_NOT_FOUND', `nobody publishes to "${path}"`);
  const why = state?.reason === undefined ? '' : `: ${state.reason}`;
  return new ShardcastError('STREAM_NOT_READY', `"${path}" has no live source${why}`);
}
