import { expect, test } from 'vitest';
import { SourceLimiter } from './source-limiter.ts';

function fail(limiter: SourceLimiter, address: string, times: number): number {
  let admitted = 0;
  for (let i = 0; i < times; i++) {
    if (!limiter.admits(address)) continue;
    admitted++;
    limiter.failed(address);
  }
  return admitted;
}

test('a source may fail 100 times at once and then 50 times a second', () => {
  let nowMs = 1000;
  const limiter = new SourceLimiter(() => nowMs);
  expect(fail(limiter, 'a', 500)).toBe(100);
  nowMs += 1000;
  expect(fail(limiter, 'a', 500)).toBe(50);
  nowMs += 3_600_000;
  expect(fail(limiter, 'a', 500)).toBe(100);
});

test('success is free, however often', () => {
  const limiter = new SourceLimiter(() => 0);
  for (let i = 0; i < 10_000; i++) expect(limiter.admits('a')).toBe(true);
});

test('one source does not use up what another has', () => {
  const limiter = new SourceLimiter(() => 0);
  fail(limiter, 'loud', 200);
  expect(limiter.admits('loud')).toBe(false);
  expect(limiter.admits('quiet')).toBe(true);
});

test('a flood from many addresses stays within the table and forgets the oldest first', () => {
  const limiter = new SourceLimiter(() => 0);
  fail(limiter, 'first', 100);
  fail(limiter, 'second', 100);
  for (let i = 0; i < 4095; i++) limiter.failed(`flood-${i}`);
  expect(limiter.admits('first')).toBe(true);
  expect(limiter.admits('second')).toBe(false);
});
