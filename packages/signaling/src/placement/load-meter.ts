/** Long enough to smooth that workers write their counter once a second, at a phase of their own. */
const WINDOW_MS = 5000;
/** After this a stream is in what `load` says. */
export const MEASURED_AFTER_MS = 2 * WINDOW_MS;

type Sample = { readonly atMs: number; readonly cpuSeconds: number };

/** CPU that each worker used lately, from its counter of CPU seconds. Pure: time is an argument. */
export class LoadMeter {
  readonly #samples = new Map<number, Sample[]>();

  /** To be called about once a second for every worker. */
  sample(worker: number, cpuSeconds: number, nowMs: number): void {
    const samples = this.#samples.get(worker) ?? [];
    samples.push({ atMs: nowMs, cpuSeconds });
    // One sample at or before the window's begin stays, to measure from.
    while ((samples[1]?.atMs ?? nowMs) <= nowMs - WINDOW_MS) samples.shift();
    this.#samples.set(worker, samples);
  }

  /** 0 (idle) to 1 (a whole core) over the last 5 s; 0 until there are two samples. */
  load(worker: number): number {
    const samples = this.#samples.get(worker);
    const first = samples?.[0];
    const last = samples?.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return Math.max(0, ((last.cpuSeconds - first.cpuSeconds) * 1000) / (last.atMs - first.atMs));
  }

  /** The worker's thread is gone, and what it did says nothing about the next. */
  forget(worker: number): void {
    this.#samples.delete(worker);
  }
}
