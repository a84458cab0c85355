import { expect, test } from 'vitest';
import { Histogram } from './histogram.ts';

test('percentiles are at most one bucket above what was added', () => {
  const histogram = new Histogram();
  for (let ms = 1; ms <= 1000; ms++) histogram.add(ms);
  for (const [share, exact] of [
    [0.5, 500],
    [0.99, 990],
    [1, 1000],
  ] as const) {
    const got = histogram.percentile(share) ?? 0;
    expect(got).toBeGreaterThanOrEqual(exact);
    expect(got).toBeLessThan(exact * 1.045);
  }
});

test('the histograms of two threads together are that of all values', () => {
  const [a, b, all] = [new Histogram(), new Histogram(), new Histogram()];
  for (let i = 0; i < 100; i++) {
    (i % 3 === 0 ? a : b).add(i / 7);
    all.add(i / 7);
  }
  const together = new Histogram(structuredClone(a.counts));
  together.merge(b);
  expect(together.counts).toEqual(all.counts);
  expect(together.count).toBe(100);
});

test('nothing, zero, negative and huge values are no trouble', () => {
  const histogram = new Histogram();
  expect(histogram.percentile(0.5)).toBeUndefined();
  for (const ms of [0, -5, 1e12]) histogram.add(ms);
  expect(histogram.percentile(0.5)).toBe(0.01);
  expect(histogram.count).toBe(3);
  histogram.reset();
  expect(histogram.percentile(0.5)).toBeUndefined();
});
