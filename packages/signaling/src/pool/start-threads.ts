import { workerEntry } from '@shardcast/sfu-worker';
import type { Config } from '@shardcast/shared/config';
import { usableProcessors } from '../host/parallelism.ts';
import type { Logger } from '../logging/logger.ts';
import { WorkerThreads } from './worker-threads.ts';

/** The threads that a configuration asks for. */
export function startThreads(config: Pick<Config, 'workers' | 'workerHeapLimit'>, log: Logger): WorkerThreads {
  return new WorkerThreads({
    workers: config.workers === 'auto' ? usableProcessors() : config.workers,
    entry: workerEntry,
    heapLimitMb: config.workerHeapLimit / 1024 ** 2,
    onError: (error) => log.error({ err: error }, 'worker thread error'),
  });
}
