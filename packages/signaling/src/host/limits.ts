import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { cgroupQuota } from './parallelism.ts';

/** What this process may use. */
export type HostLimits = {
  /** Processors' worth of time, a fraction where a cgroup gives one. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** Undefined where the system does not tell. */
  readonly fileDescriptors: number | undefined;
};

type ReadFile = (file: string) => string;
const readText: ReadFile = (file) => readFileSync(file, 'utf8');

/** Affinity, cgroup (v2, then v1) and resource limits together. */
export function hostLimits(readFile: ReadFile = readText): HostLimits {
  return {
    cores: Math.min(availableParallelism(), cgroupQuota(readFile) ?? Number.POSITIVE_INFINITY),
    memoryBytes: Math.min(totalmem(), cgroupMemory(readFile) ?? Number.POSITIVE_INFINITY),
    fileDescriptors: descriptorLimit(readFile),
  };
}

/** The least of the cgroup and its parents that are to be seen; undefined without a limit. */
function cgroupMemory(readFile: ReadFile): number | undefined {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const limit = Number(readFile(file).trim()); // `max` is none
      if (Number.isFinite(limit) && limit > 0) return limit;
    } catch {
      // the other version, or no cgroup
    }
  }
  return undefined;
}

function descriptorLimit(readFile: ReadFile): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFile('/proc/self/limits'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Open file descriptors of this process; undefined where the system does not tell. */
export function openDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1; // the listing's own
  } catch {
    return undefined;
  }
}
