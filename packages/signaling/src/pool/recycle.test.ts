import { expect, test } from 'vitest';
import { recycleWorker } from './recycle.ts';

test('a worker that is up is prepared for and replaced; one that is not may be asked again, and none is none', () => {
  const done: string[] = [];
  const shard = (state: 'up' | 'restarting') => ({ state, recycle: (reason: string) => done.push(reason) > 0 });
  const shards = [shard('up'), shard('restarting')];
  const prepare = () => void done.push('prepared');
  expect(recycleWorker(shards, 0, prepare)).toBe(true);
  expect(done).toEqual(['prepared', 'an operator asked for it']);
  expect(() => recycleWorker(shards, 1, prepare)).toThrow(expect.objectContaining({ code: 'WORKER_LOST' }));
  expect(recycleWorker(shards, 2, prepare)).toBe(false);
  expect(done).toHaveLength(2);
});
