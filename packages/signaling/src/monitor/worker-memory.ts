import { TYPICAL_COST, type TypicalCost } from '@shardcast/shared';
import type { ShardView } from '../paths/media.ts';

/** What a stream and a viewer take of a worker's memory, bytes, without the streams' keyframe caches. */
export type MemoryShare = { readonly stream: number; readonly viewer: number };

/**
 * Shares a worker's heap and buffers, above those of the same worker when it was empty, out to its streams and viewers. An
 * estimate: the collector of garbage decides when the heap shrinks.
 */
export class WorkerMemory {
  readonly #empty = new Map<number, number>();

  /** To be called now and then: remembers what an empty worker needs. */
  sample({ worker, state, telemetry }: ShardView): void {
    const used = telemetry.worker('heapBytes') + telemetry.worker('externalBytes');
    if (state !== 'up' || used === 0) return;
    const known = this.#empty.get(worker);
    const isEmpty = telemetry.worker('streams') === 0 && telemetry.worker('sessions') === 0;
    // A worker that never was empty, or that needs less than it did then.
    if (known === undefined || used < known || isEmpty) this.#empty.set(worker, used);
  }

  /**
   * @param load of that worker
   * @param cacheBytes of its keyframe caches, which are not shared out
   */
  share(
    { worker, telemetry, fastPath }: ShardView,
    load: { readonly streams: number; readonly viewers: number },
    cacheBytes: number,
  ): MemoryShare {
    const { streamBytes, viewerBytes } = costOf(fastPath);
    const used = telemetry.worker('heapBytes') + telemetry.worker('externalBytes');
    const above = Math.max(0, used - (this.#empty.get(worker) ?? used) - cacheBytes);
    const typical = load.streams * streamBytes + load.viewers * viewerBytes;
    const scale = typical > 0 ? above / typical : 0;
    return { stream: streamBytes * scale, viewer: viewerBytes * scale };
  }
}

/** Of the media path in use; until that is known, of the one that costs more. */
export function costOf(fastPath: ShardView['fastPath']): TypicalCost {
  return TYPICAL_COST[fastPath ?? 'portable'];
}
