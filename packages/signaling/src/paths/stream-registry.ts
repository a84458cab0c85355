import { MAX_STREAMS, type TrackInfo } from '@shardcast/shared';
import type { Placement } from '../placement/policy.ts';
import type { PathRule } from './path-rules.ts';
import { Slots } from './slots.ts';

/** Where a stream lives: a worker, and its telemetry slot there. */
export type Home = {
  readonly worker: number;
  readonly slot: number;
  readonly sinceMs: number;
  /** Why there, in the policy's words. */
  readonly reason: string;
};

/** A path that is in use or that the configuration names. */
export type PathState = {
  readonly name: string;
  rule: PathRule;
  /** Undefined while no worker knows the stream. */
  home: Home | undefined;
  /** `starting`: its source was asked for, or its publisher is connecting; `idle`: nothing is under way. */
  state: 'idle' | 'starting' | 'online';
  /** When `state` last changed, monotonic ms. */
  changedAtMs: number;
  source: string | undefined;
  tracks: readonly TrackInfo[];
  onlineSince: Date | undefined;
  /** Why it is not online, for an operator. */
  reason: string | undefined;
  /** When it first had a home on any worker, monotonic ms; a lost worker does not make it new again. */
  firstHomeAtMs: number | undefined;
  /** It was online in this home or the one before: viewers that come too early are told to wait, not to go. */
  wasOnline: boolean;
  /** Until when a source on demand is wanted, monotonic ms. */
  wantedUntilMs: number;
  /** The worker that was lost under it. */
  lostWorker: number | undefined;
  /** When a source that could not be opened is tried again, and the delay after that. */
  retryAtMs: number;
  retryDelayMs: number;
};

/** All paths, and which telemetry slots of the workers their streams hold. */
export class StreamRegistry {
  readonly #paths = new Map<string, PathState>();
  readonly #slots: readonly Slots[];

  constructor(workers: number) {
    this.#slots = Array.from({ length: workers }, () => new Slots(MAX_STREAMS));
  }

  get(name: string): PathState | undefined {
    return this.#paths.get(name);
  }

  /** A snapshot of the list: paths may be removed while it is walked. */
  all(): PathState[] {
    return [...this.#paths.values()];
  }

  residents(worker: number): PathState[] {
    return this.all().filter(({ home }) => home?.worker === worker);
  }

  ensure(name: string, rule: PathRule, nowMs: number): PathState {
    const known = this.#paths.get(name);
    if (known !== undefined) return known;
    const state: PathState = {
      name,
      rule,
      home: undefined,
      state: 'idle',
      changedAtMs: nowMs,
      source: undefined,
      tracks: [],
      onlineSince: undefined,
      reason: undefined,
      firstHomeAtMs: undefined,
      wasOnline: false,
      wantedUntilMs: Number.NEGATIVE_INFINITY,
      lostWorker: undefined,
      retryAtMs: 0,
      retryDelayMs: 0,
    };
    this.#paths.set(name, state);
    return state;
  }

  /** Slots that no stream has. */
  free(worker: number): number {
    return this.#slots[worker]?.free ?? 0;
  }

  /** Gives the stream a slot on a worker. @returns undefined when the worker has none left. */
  settle(state: PathState, { worker, reason }: Pick<Placement, 'worker' | 'reason'>, nowMs: number): Home | undefined {
    if (state.home !== undefined) throw new TypeError(`"${state.name}" has a home already`);
    const slot = this.#slots[worker]?.take();
    if (slot === undefined) return undefined;
    state.home = { worker, slot, sinceMs: nowMs, reason };
    state.firstHomeAtMs ??= nowMs;
    return state.home;
  }

  /**
   * The stream is to leave its worker.
   * @returns gives its slot back; to be called once the worker has let go of it. Idempotent.
   */
  vacate(state: PathState): () => void {
    const { home } = state;
    state.home = undefined;
    let isHeld = home !== undefined;
    return () => {
      if (home === undefined || !isHeld) return;
      isHeld = false;
      this.#slots[home.worker]?.release(home.slot);
    };
  }

  /** Forgets a path that has no home. */
  delete(state: PathState): void {
    if (state.home !== undefined) throw new TypeError(`"${state.name}" still has a home`);
    if (this.#paths.get(state.name) === state) this.#paths.delete(state.name);
  }
}
