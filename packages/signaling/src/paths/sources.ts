import { ShardcastError, type SourceSpec } from '@shardcast/shared';
import type { Logger } from '../logging/logger.ts';
import type { Quarantine } from '../pool/quarantine.ts';
import { isWanted } from './demand.ts';
import type { Housing, PathShard } from './housing.ts';
import type { PathState, StreamRegistry } from './stream-registry.ts';

/** Between tries to open a source that its worker refused. Cameras that are away are the worker's to retry. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
const RETRY_JITTER = 0.2;
/** At start the first worker that is up waits this long for the others, so that it is not given every camera. */
const GATHER_MS = 1500;

export type SourcesOptions = {
  readonly shards: readonly PathShard[];
  readonly streams: StreamRegistry;
  readonly housing: Housing;
  readonly quarantine: Quarantine;
  readonly log: Logger;
  readonly clock: () => number;
  /** The source will not come online soon. */
  readonly onFailed: (state: PathState) => void;
};

/** Keeps the streams that the configuration gives a source of their own (cameras, files) open on some worker. */
export class Sources {
  readonly #options: SourcesOptions;
  #gatherUntilMs = 0;

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** Others may be about to come up: with only one to choose from there is nothing to balance. */
  workerUp(): void {
    const { shards, clock } = this.#options;
    if (shards.filter(({ state }) => state === 'up').length === 1) this.#gatherUntilMs = clock() + GATHER_MS;
    this.openAll();
  }

  /** Opens every source that has no home and may have one; to be called about once a second, too. */
  openAll(): void {
    for (const state of this.#options.streams.all()) this.open(state);
  }

  /** Does nothing when the source is open, is not ours, is not wanted, or must wait. */
  open(state: PathState): void {
    const { source } = state.rule;
    const { clock, housing, quarantine } = this.#options;
    if (source === 'publisher' || state.home !== undefined) return;
    const nowMs = clock();
    if (!isWanted(state, nowMs)) return;
    if (nowMs < state.retryAtMs || !housing.canHouse(state, nowMs) || this.#isGathering(nowMs)) return;
    if (quarantine.reason(state.name, nowMs) !== undefined) return;
    try {
      const home = housing.house(state, nowMs);
      state.state = 'starting';
      state.changedAtMs = nowMs;
      this.#request(state, source, home.worker);
    } catch (error) {
      this.#retryLater(state, error, 'no room for the source');
    }
  }

  #request(state: PathState, source: SourceSpec, worker: number): void {
    const { home } = state;
    const shard = this.#options.shards[worker];
    if (home === undefined || shard === undefined) return;
    shard
      .request({ type: 'open-stream', path: state.name, slot: home.slot, overridePublisher: false })
      .then(() => shard.request({ type: 'open-source', path: state.name, source }))
      .then(
        () => {
          state.retryDelayMs = 0;
        },
        (error: unknown) => {
          // The loss of the worker is told apart from this and has an answer of its own.
          if (state.home !== home || (error instanceof ShardcastError && error.code === 'WORKER_LOST')) return;
          const release = this.#options.streams.vacate(state);
          shard
            .request({ type: 'close-stream', path: state.name, reason: 'its source could not be opened' })
            .then(release, release);
          this.#retryLater(state, error, 'source not opened');
        },
      );
  }

  #retryLater(state: PathState, error: unknown, message: string): void {
    const { log, clock, onFailed } = this.#options;
    const reason = error instanceof Error ? error.message : String(error);
    // One line a change, not one a try.
    if (state.reason !== reason) log.error({ path: state.name, reason }, message);
    state.state = 'idle';
    state.reason = reason;
    state.changedAtMs = clock();
    state.retryDelayMs = Math.min(MAX_RETRY_MS, Math.max(FIRST_RETRY_MS, 2 * state.retryDelayMs));
    state.retryAtMs = clock() + state.retryDelayMs * (1 + RETRY_JITTER * (2 * Math.random() - 1));
    onFailed(state);
  }

  #isGathering(nowMs: number): boolean {
    return nowMs < this.#gatherUntilMs && this.#options.shards.some(({ state }) => state === 'starting');
  }
}
