import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';

test('delays double up to the limit, and start over when media flows', () => {
  const backoff = new Backoff(250, 10_000, () => 0.999999);
  const delays = Array.from({ length: 8 }, () => Math.round(backoff.next()));
  expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  backoff.reset();
  expect(Math.round(backoff.next())).toBe(250);
});

test('jitter takes at most half of a step, and never from what the server asked for', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(random, fc.nat(60_000), fc.nat(100), (value, atLeastMs, attempts) => {
      const backoff = new Backoff(250, 10_000, () => value);
      for (let i = 0; i < attempts; i++) backoff.next();
      const delay = backoff.next(atLeastMs);
      expect(delay).toBeGreaterThanOrEqual(Math.max(125, atLeastMs));
      expect(delay).toBeLessThanOrEqual(Math.max(10_000, atLeastMs * 1.25));
    }),
  );
});
