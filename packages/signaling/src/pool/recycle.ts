import { ShardcastError } from '@shardcast/shared';
import type { Shard } from './shard.ts';

type Recyclable = Pick<Shard, 'state' | 'recycle'>;

/**
 * Replaces a worker as an operator asks.
 * @param prepare called first, if there is a worker to be replaced
 * @returns false when there is no such worker
 * @throws ShardcastError WORKER_LOST while it is not up: what starts now was given its settings already
 */
export function recycleWorker(shards: readonly Recyclable[], worker: number, prepare: () => void = () => {}): boolean {
  const shard = shards[worker];
  if (shard === undefined) return false;
  if (shard.state !== 'up') throw new ShardcastError('WORKER_LOST', `worker ${worker} is ${shard.state}`);
  prepare();
  return shard.recycle('an operator asked for it');
}
