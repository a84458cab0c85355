import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Processors that this process may use: its affinity, and the quota of its cgroup (v2, then v1); at least 1. */
export function usableProcessors(readFile: (file: string) => string = (file) => readFileSync(file, 'utf8')): number {
  const quota = cgroupQuota(readFile);
  const processors = availableParallelism();
  return Math.max(1, Math.min(processors, quota === undefined ? processors : Math.floor(quota)));
}

/** Processors' worth of time that the cgroup gives; undefined without a limit. */
export function cgroupQuota(readFile: (file: string) => string): number | undefined {
  const read = (file: string): string | undefined => {
    try {
      return readFile(file).trim();
    } catch {
      return undefined;
    }
  };
  const [quota, period] = (read('/sys/fs/cgroup/cpu.max') ?? '').split(' ').map(Number);
  if (quota !== undefined && period !== undefined && quota > 0 && period > 0) return quota / period;
  const quotaV1 = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') ?? -1);
  const periodV1 = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_period_us') ?? -1);
  return quotaV1 > 0 && periodV1 > 0 ? quotaV1 / periodV1 : undefined;
}
