import { fileURLToPath } from 'node:url';
import type { WorkerEvent, WorkerSettings } from '@shardcast/shared';
import { Piscina } from 'piscina';
import { threadCpuSeconds } from '../host/thread-cpu.ts';
import type { Logger } from '../logging/logger.ts';
import { Shard, type WorkerLoss } from './shard.ts';
import type { ShardTask } from './shard-task.ts';

/** How often heartbeats are looked at: half of what a worker beats with keeps detection under 1.25 s. */
const WATCH_MS = 125;
const STOP_DEADLINE_MS = 3000;
const FIRST_BACKOFF_MS = 250;
/** What the threads load; the worker package's entry is loaded by it. */
const TASK = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './shard-task.ts' : './shard-task.js', import.meta.url),
);
const YOUNG_GENERATION_MB = 6;

export type WorkerPoolOptions = {
  readonly workers: number;
  /** The worker package's entry. */
  readonly entry: URL;
  /** Asked at every start of a worker. */
  readonly settings: (worker: number) => WorkerSettings;
  /** JavaScript heap of a worker, MiB; one that needs more is replaced. */
  readonly heapLimitMb: number;
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

/** The worker threads: piscina keeps as many as there are shards, each shard keeps one endless task in one of them. */
export class WorkerPool {
  readonly shards: readonly Shard[];
  readonly #piscina: Piscina;
  readonly #watch: NodeJS.Timeout;

  constructor(options: WorkerPoolOptions, listener: PoolListener) {
    const { workers, log, clock, firstBackoffMs = FIRST_BACKOFF_MS } = options;
    this.#piscina = new Piscina({
      filename: TASK,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The default blocks an idle thread's event loop between tasks.
      atomics: 'disabled',
      maxQueue: workers,
      recordTiming: false,
      closeTimeout: STOP_DEADLINE_MS,
      // Media makes short-lived garbage only: a small young generation is as fast, and 64 streams need 20 MB less.
      resourceLimits: { maxOldGenerationSizeMb: options.heapLimitMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.#piscina.on('error', (error) => log.error({ err: error }, 'worker thread error'));
    this.shards = Array.from(
      { length: workers },
      (_, worker) =>
        new Shard({
          settings: () => options.settings(worker),
          run: async (boot, transferList, signal) => {
            const task: ShardTask = { entry: options.entry.href, boot };
            await this.#piscina.run(task, { transferList, signal });
          },
          thread: (threadId) => this.#piscina.threads.find((thread) => thread.threadId === threadId),
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
    await this.#piscina.destroy();
  }
}
