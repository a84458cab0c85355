import { getHeapStatistics } from 'node:v8';
import { activeResources, ThreadProfiler } from '@shardcast/sfu-worker';
import { WORKER } from '@shardcast/shared';
import type { Shard } from '../pool/shard.ts';
import type { ProfiledThread } from './profiler.ts';

/** The main thread and every worker, main first. Main's allocations are sampled from this call on. */
export function profiledThreads(
  shards: () => readonly Pick<Shard, 'worker' | 'state' | 'telemetry' | 'request'>[],
): () => readonly ProfiledThread[] {
  const profiler = new ThreadProfiler();
  const main: ProfiledThread = {
    name: 'main',
    state: 'up',
    startCpu: (maxMs) => profiler.startCpu(maxMs),
    stopCpu: async () => profiler.stopCpu(),
    heap: async () => profiler.heap(),
    async inspect() {
      const kinds = activeResources();
      const { TCPSocketWrap: tcp = 0, TCPServerWrap: listeners = 0, MessagePort: ports = 0 } = kinds;
      return {
        activeResources: kinds,
        streams: 0,
        sessions: 0,
        sockets: { tcp, listeners, ports },
        heapBytes: getHeapStatistics().used_heap_size,
      };
    },
  };
  return () => [
    main,
    ...shards().map((shard) => ({
      name: `worker-${shard.worker}`,
      state: shard.state,
      async startCpu(maxMs: number) {
        await shard.request({ type: 'start-cpu-profile', maxMs });
      },
      stopCpu: async () => (await shard.request({ type: 'stop-cpu-profile' })).profile,
      heap: async () => (await shard.request({ type: 'heap-profile' })).profile,
      inspect: async () => ({
        ...(await shard.request({ type: 'inspect' })),
        heapBytes: shard.telemetry.counters[WORKER.heapBytes] ?? 0,
      }),
    })),
  ];
}
