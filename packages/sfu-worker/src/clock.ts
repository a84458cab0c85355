import { performance } from 'node:perf_hooks'; // the global of that name is looked up anew each time

/** A getter, and asked for with every packet that is read. */
const ORIGIN_MS = performance.timeOrigin;

/** Ms since the epoch that never jump: the wall clock at the thread's start plus monotonic time (RFC 3550 timers, NTP steps). */
export function monotonicEpochMs(): number {
  return ORIGIN_MS + performance.now();
}
