import type { WorkerEvent, WorkerSettings } from '@shardcast/shared';
import { threadCpuSeconds } from '../host/thread-cpu.ts';
import type { Logger } from '../logging/logger.ts';
import { Shard, type WorkerLoss } from './shard.ts';
import type { WorkerThreads } from './worker-threads.ts';

/** How often heartbeats are looked at: half of what a worker beats with keeps detection under 1.25 s. */
const WATCH_MS = 125;
const STOP_DEADLINE_MS = 3000;
const FIRST_BACKOFF_MS = 250;

export type WorkerPoolOptions = {
  /** One a shard; ended with the pool. */
  readonly threads: WorkerThreads;
  /** Asked at every start of a worker. */
  readonly settings: (worker: number) => WorkerSettings;
  readonly log: Logger;
  /** Monotonic ms. */
  readonly clock: () => number;
  /** The first delay for a worker that dies young twice; it doubles. */
  readonly firstBackoffMs?: number;
};

export type PoolListener = {
  readonly onUp: (worker: number) => void;
  readonly onLost: (worker: number, loss: WorkerLoss) => void;
  readonly onEvent: (worker: number, event: WorkerEvent) => void;
};

/** The shards, each with one endless task in one of the threads. */
export class WorkerPool {
  readonly shards: readonly Shard[];
  readonly #threads: WorkerThreads;
  readonly #watch: NodeJS.Timeout;

  constructor(options: WorkerPoolOptions, listener: PoolListener) {
    const { threads, log, clock, firstBackoffMs = FIRST_BACKOFF_MS } = options;
    this.#threads = threads;
    this.shards = Array.from(
      { length: threads.workers },
      (_, worker) =>
        new Shard({
          settings: () => options.settings(worker),
          threads,
          cpuSeconds: threadCpuSeconds,
          log,
          clock,
          firstBackoffMs,
          onUp: () => listener.onUp(worker),
          onLost: (loss) => listener.onLost(worker, loss),
          onEvent: (event) => listener.onEvent(worker, event),
        }),
    );
    let lastMs = clock();
    this.#watch = setInterval(() => {
      const nowMs = clock();
      const wasBlocked = nowMs - lastMs > 4 * WATCH_MS;
      lastMs = nowMs;
      for (const shard of this.shards) {
        if (wasBlocked) shard.forgive(nowMs);
        shard.watch(nowMs);
      }
    }, WATCH_MS);
  }

  start(): void {
    for (const shard of this.shards) shard.start();
  }

  /** Ends all threads, their peers told. */
  async stop(): Promise<void> {
    clearInterval(this.#watch);
    await Promise.all(this.shards.map((shard) => shard.stop(STOP_DEADLINE_MS)));
    await this.#threads.destroy();
  }
}
