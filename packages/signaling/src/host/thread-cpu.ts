import { readFileSync } from 'node:fs';

/** CPU time of a thread of this process so far, seconds; NaN where the system does not tell (only Linux does). */
export function threadCpuSeconds(systemThreadId: number): number {
  try {
    return Number(readFileSync(`/proc/self/task/${systemThreadId}/schedstat`, 'latin1').split(' ', 1)[0]) / 1e9;
  } catch {
    return Number.NaN;
  }
}
