import { readFileSync, readlinkSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { type Telemetry, WORKER } from '@shardcast/shared';

/** Resolution of the delay monitor; what it reports includes it. Finer costs an idle worker a wake each. */
const LAG_RESOLUTION_MS = 20;

/**
 * CPU seconds of the calling thread: Linux's own account of it, in ns. Elsewhere undefined, and main falls back to the
 * event loop's active time.
 */
export function threadCpuSeconds(): number | undefined {
  try {
    const nanoseconds = Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ', 1)[0]);
    return Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : undefined;
  } catch {
    return undefined;
  }
}

/** The system's id of the calling thread; undefined where the system does not tell. */
export function systemThreadId(): number | undefined {
  try {
    const id = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    return Number.isInteger(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Writes what a worker knows about itself into its telemetry, once a second. */
export class WorkerVitals {
  readonly #telemetry: Telemetry;
  readonly #lag: IntervalHistogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  #lastCpu = threadCpuSeconds() ?? 0;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
    this.#lag.enable();
  }

  /** @returns CPU seconds since the last call, 0 where the system does not tell. */
  sample(): number {
    const counters = this.#telemetry.counters;
    // Not `process.memoryUsage`, which opens a file and throws when the process has no descriptor left.
    const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
    counters[WORKER.heapBytes] = heapBytes;
    counters[WORKER.externalBytes] = externalBytes;
    counters[WORKER.activeResources] = process.getActiveResourcesInfo().length;
    counters[WORKER.eventLoopLagSeconds] = Math.max(0, this.#lag.percentile(99) / 1e9 - LAG_RESOLUTION_MS / 1000);
    this.#lag.reset();
    const cpu = threadCpuSeconds() ?? this.#lastCpu;
    const spent = Math.max(0, cpu - this.#lastCpu);
    this.#lastCpu = cpu;
    // Added up, not copied: a respawned thread starts at 0 and the counter goes on.
    counters[WORKER.cpuSeconds] = (counters[WORKER.cpuSeconds] as number) + spent;
    return spent;
  }

  close(): void {
    this.#lag.disable();
  }
}
