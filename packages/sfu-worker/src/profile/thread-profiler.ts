import { Session } from 'node:inspector';
import { type ControlRequest, type ControlResult, ShardcastError } from '@shardcast/shared';
import { type CpuEngine, selectCpuEngine } from './cpu-engine.ts';
import { encodeHeapProfile } from './v8-profile.ts';

/** As Go's: one allocation in 512 KiB is sampled. */
const HEAP_INTERVAL_BYTES = 512 * 1024;

type ProfileRequest = Extract<ControlRequest, { type: 'start-cpu-profile' | 'stop-cpu-profile' | 'heap-profile' }>;

/** Profiles of the thread that it is made in. Allocations are sampled from then on, which costs nothing that could be measured. */
export class ThreadProfiler {
  readonly #selectEngine: () => Promise<CpuEngine>;
  readonly #heap = new Session();
  #engine: CpuEngine | undefined;
  #isRunning = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(selectEngine = selectCpuEngine) {
    this.#selectEngine = selectEngine;
    this.#heap.connect();
    this.#heap.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL_BYTES });
  }

  /** What main asks of a worker. @throws ShardcastError as the methods do */
  async handle(request: ProfileRequest): Promise<ControlResult<ProfileRequest['type']>> {
    if (request.type === 'heap-profile') return { profile: this.heap() };
    if (request.type === 'stop-cpu-profile') return { profile: this.stopCpu() };
    await this.startCpu(request.maxMs);
    return {};
  }

  /**
   * @param maxMs after this it ends by itself: whoever began it is gone
   * @throws ShardcastError PROFILE_RUNNING
   */
  async startCpu(maxMs: number): Promise<void> {
    if (this.#isRunning) throw new ShardcastError('PROFILE_RUNNING', 'a CPU profile of this thread is being taken');
    this.#isRunning = true;
    try {
      this.#engine ??= await this.#selectEngine();
      this.#engine.start();
    } catch (error) {
      this.#isRunning = false;
      throw error;
    }
    this.#deadline = setTimeout(() => this.close(), maxMs);
    this.#deadline.unref();
  }

  /** @returns pprof, not compressed. @throws ShardcastError BAD_REQUEST when none was begun, or it ended by itself */
  stopCpu(): Uint8Array {
    if (!this.#isRunning || this.#engine === undefined)
      throw new ShardcastError('BAD_REQUEST', 'no CPU profile of this thread is being taken');
    clearTimeout(this.#deadline);
    this.#isRunning = false;
    return this.#engine.stop();
  }

  /** What is alive of the sampled allocations; collects garbage first. @returns pprof, not compressed */
  heap(): Uint8Array {
    let encoded: Uint8Array | undefined;
    let failure: Error | null = null;
    // A session answers its own thread before `post` returns.
    this.#heap.post('HeapProfiler.getSamplingProfile', (error, result) => {
      failure = error;
      if (error === null) encoded = encodeHeapProfile(result.profile, HEAP_INTERVAL_BYTES);
    });
    if (encoded === undefined) throw failure ?? new Error('the heap profiler did not answer');
    return encoded;
  }

  /** Ends a profile that is being taken. Idempotent. */
  close(): void {
    if (this.#isRunning) this.stopCpu();
  }
}

/** Handles, requests and timers of the calling thread that are open, by kind. */
export function activeResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
