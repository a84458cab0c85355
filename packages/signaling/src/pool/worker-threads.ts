import { fileURLToPath } from 'node:url';
import type { Transferable, Worker } from 'node:worker_threads';
import type { WorkerBoot, WorkerSettings } from '@shardcast/shared';
import { Piscina } from 'piscina';
import type { ThreadData } from './shard-task.ts';

/** What the threads load; the worker package's entry is loaded by it. */
const TASK = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './shard-task.ts' : './shard-task.js', import.meta.url),
);
const YOUNG_GENERATION_MB = 6;
const CLOSE_MS = 3000;

export type WorkerThreadsOptions = {
  readonly workers: number;
  /** The worker package's entry. */
  readonly entry: URL;
  /** JavaScript heap of a thread, MiB; one that needs more ends. */
  readonly heapLimitMb: number;
  readonly onError: (error: unknown) => void;
};

/**
 * The threads of the pool, kept at their number by piscina. They start at once and load the worker's code while main
 * loads its own: the start of a server is that much shorter, and the start of a thread after one that died, too.
 */
export class WorkerThreads {
  readonly workers: number;
  readonly #piscina: Piscina;

  constructor({ workers, entry, heapLimitMb, onError }: WorkerThreadsOptions) {
    this.workers = workers;
    const workerData: ThreadData = { entry: entry.href };
    this.#piscina = new Piscina({
      filename: TASK,
      workerData,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The default blocks an idle thread's event loop between tasks.
      atomics: 'disabled',
      maxQueue: workers,
      recordTiming: false,
      closeTimeout: CLOSE_MS,
      // Media makes short-lived garbage only: a small young generation is as fast, and 64 streams need 20 MB less.
      resourceLimits: { maxOldGenerationSizeMb: heapLimitMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.#piscina.on('error', onError);
  }

  /** A self-signed certificate, made in one of the threads; to be asked for before all of them run shards. */
  makeCertificate(): Promise<WorkerSettings['certificate']> {
    return this.#piscina.run(undefined, { name: 'makeCertificate' });
  }

  /** Runs the endless task of a shard in a free thread; settles when the thread or the task ends. */
  async run(boot: WorkerBoot, transferList: Transferable[], signal: AbortSignal): Promise<void> {
    await this.#piscina.run(boot, { transferList, signal });
  }

  thread(threadId: number): Worker | undefined {
    return this.#piscina.threads.find((thread) => thread.threadId === threadId);
  }

  /** Ends them all, whatever they run. */
  destroy(): Promise<void> {
    return this.#piscina.destroy();
  }
}
