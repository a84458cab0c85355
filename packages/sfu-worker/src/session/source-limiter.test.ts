import { expect, test } from 'vitest';
import { SourceLimiter } from './source-limiter.ts';

test('a source gets a burst of 100 checks and then 50 a second', () => {
  let nowMs = 1000;
  const limiter = new SourceLimiter(() => nowMs);
  const admitted = (tries: number) => Array.from({ length: tries }, () => limiter.admit('a')).filter(Boolean).length;
  expect(admitted(500)).toBe(100);
  nowMs += 1000;
  expect(admitted(500)).toBe(50);
  nowMs += 3_600_000;
  expect(admitted(500)).toBe(100);
});

test('one source does not use up what another has', () => {
  const limiter = new SourceLimiter(() => 0);
  for (let i = 0; i < 200; i++) limiter.admit('loud');
  expect(limiter.admit('loud')).toBe(false);
  expect(limiter.admit('quiet')).toBe(true);
});

test('a flood from many addresses stays within the table and forgets the oldest first', () => {
  const limiter = new SourceLimiter(() => 0);
  for (let i = 0; i < 100; i++) limiter.admit('first');
  expect(limiter.admit('first')).toBe(false);
  for (let i = 0; i < 4096; i++) limiter.admit(`flood-${i}`);
  expect(limiter.admit('first')).toBe(true); // forgotten, thus fresh
});
