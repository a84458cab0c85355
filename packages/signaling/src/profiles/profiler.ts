import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ShardcastError, type ThreadInspection } from '@shardcast/shared';
import { CPU_KINDS, HEAP_KINDS, mergeProfiles, type Naming, type ThreadProfile, type ValueKind } from './merge.ts';

const compress = promisify(gzip);
/** A thread whose profile nobody fetched ends it by itself so long after its time. */
const GRACE_MS = 10_000;

/** A thread of the process that can be profiled. */
export interface ProfiledThread {
  /** `main`, `worker-0`, … */
  readonly name: string;
  readonly state: string;
  /** @throws ShardcastError PROFILE_RUNNING, WORKER_LOST */
  startCpu(maxMs: number): Promise<void>;
  /** @returns pprof, not compressed */
  stopCpu(): Promise<Uint8Array>;
  heap(): Promise<Uint8Array>;
  inspect(): Promise<ThreadInspection & { readonly heapBytes: number }>;
}

export type ProfilerOptions = {
  readonly threads: () => readonly ProfiledThread[];
  readonly nameOf: Naming;
  /** Unix ms. */
  readonly now: () => number;
};

/** Profiles of one or all threads, in one gzipped pprof file, whose comments name them. A thread that is lost meanwhile is left out of it. */
export class Profiler {
  readonly #options: ProfilerOptions;

  constructor(options: ProfilerOptions) {
    this.#options = options;
  }

  /**
   * @param thread undefined for all that are up
   * @param signal ends it at once: nobody wants the profile any more
   * @throws ShardcastError PROFILE_RUNNING when one of the threads is being profiled, WORKER_NOT_FOUND
   */
  async cpu(thread: string | undefined, seconds: number, signal: AbortSignal): Promise<Buffer | undefined> {
    const threads = this.#choose(thread);
    const startedAtMs = this.#options.now();
    const starts = await Promise.allSettled(threads.map((each) => each.startCpu(seconds * 1000 + GRACE_MS)));
    const running = threads.filter((_, index) => starts[index]?.status === 'fulfilled');
    const stop = () => settled(running.map(async (each) => ({ thread: each.name, profile: await each.stopCpu() })));
    const failure = starts.find((start) => start.status === 'rejected');
    if (failure !== undefined && (running.length === 0 || isRunning(failure.reason))) {
      await stop();
      throw failure.reason;
    }
    await pause(seconds * 1000, signal);
    const parts = await stop();
    return signal.aborted ? undefined : this.#file(threads, parts, CPU_KINDS, startedAtMs);
  }

  /** What is alive of the sampled allocations. Each thread collects its garbage for it, one after the other. */
  async heap(thread: string | undefined): Promise<Buffer> {
    const parts: ThreadProfile[] = [];
    const threads = this.#choose(thread);
    for (const each of threads)
      parts.push(...(await settled([each.heap().then((profile) => ({ thread: each.name, profile }))])));
    return this.#file(threads, parts, HEAP_KINDS, this.#options.now());
  }

  /** Every thread and what it holds open; of one that does not answer only its state. */
  async inspect(): Promise<unknown[]> {
    return Promise.all(
      this.#options.threads().map(async (each) => {
        const { name: thread, state } = each;
        try {
          const inspection = await each.inspect();
          const { Timeout: timeouts = 0, Immediate: immediates = 0 } = inspection.activeResources;
          return { thread, state, ...inspection, timers: timeouts + immediates };
        } catch {
          return { thread, state };
        }
      }),
    );
  }

  #choose(name: string | undefined): readonly ProfiledThread[] {
    const threads = this.#options.threads();
    const chosen =
      name === undefined ? threads.filter(({ state }) => state === 'up') : threads.filter((each) => each.name === name);
    if (chosen.length === 0) throw new ShardcastError('WORKER_NOT_FOUND', 'there is no such thread');
    return chosen;
  }

  async #file(
    asked: readonly ProfiledThread[],
    parts: readonly ThreadProfile[],
    kinds: readonly ValueKind[],
    startedAtMs: number,
  ): Promise<Buffer> {
    if (parts.length === 0) throw new ShardcastError('WORKER_LOST', 'the worker was lost meanwhile');
    // A thread that did next to nothing may have no sample: the comments say that it was asked all the same.
    const answered = parts.map(({ thread }) => thread);
    const lost = asked.map(({ name }) => name).filter((name) => !answered.includes(name));
    const comments = [`threads: ${answered.join(', ')}`, ...(lost.length > 0 ? [`lost: ${lost.join(', ')}`] : [])];
    return compress(mergeProfiles(parts, kinds, startedAtMs, this.#options.nameOf, comments));
  }
}

/** The results of those that succeed. */
async function settled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  return (await Promise.allSettled(promises)).flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

function isRunning(reason: unknown): boolean {
  return reason instanceof ShardcastError && reason.code === 'PROFILE_RUNNING';
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
