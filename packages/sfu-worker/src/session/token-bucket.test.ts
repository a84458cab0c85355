import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

test('a burst passes at once, then the mean rate, and a pause fills the burst again and no more', () => {
  const bucket = new TokenBucket(50, 100, 1000);
  const taken = (nowMs: number) => {
    let count = 0;
    while (bucket.take(nowMs)) count++;
    return count;
  };
  expect(taken(1000)).toBe(100);
  expect(taken(1019)).toBe(0);
  expect(bucket.has(1020)).toBe(true);
  expect(taken(1020)).toBe(1);
  expect(taken(2020)).toBe(50);
  expect(taken(1_000_000)).toBe(100);
});
