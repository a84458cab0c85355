import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CostModel } from './cost-model.ts';

test('nothing is known of what was not seen', () => {
  const model = new CostModel();
  for (let second = 0; second < 19; second++) model.add(1000, 0.1);
  expect(model.cost()).toBeUndefined();
  expect(model.idle).toBe(0.02);
});

test('one load is split into what the idle process needs and what each packet costs', () => {
  const model = new CostModel();
  for (let second = 0; second < 60; second++) model.add(0, 0.01);
  for (let second = 0; second < 60; second++) model.add(10_000, 0.11);
  expect(model.cost()?.base).toBeCloseTo(0.01);
  expect(model.cost()?.perUnit).toBeCloseTo(1e-5);
});

test('loads of many sizes give the cost of the next packet, which is less than the mean', () => {
  const model = new CostModel();
  const cores = (work: number) => 0.02 + 0.0004 * work ** 0.8;
  for (let work = 1000; work <= 20_000; work += 100) model.add(work, cores(work));
  const { perUnit = 0 } = model.cost() ?? {};
  expect(perUnit).toBeLessThan(cores(20_000) / 20_000);
  // As much again is foretold to 15 %, and rather too much than too little.
  const foretold = cores(20_000) + perUnit * 20_000;
  expect(foretold / cores(40_000)).toBeGreaterThan(1);
  expect(foretold / cores(40_000)).toBeLessThan(1.15);
});

test('what is long ago counts little', () => {
  const model = new CostModel();
  for (let second = 0; second < 600; second++) model.add(10_000, 0.5);
  for (let second = 0; second < 3600; second++) model.add(10_000, 0.12);
  expect(model.cost()?.perUnit).toBeCloseTo(1e-5, 6);
});

test('the cost is finite and never negative, whatever was measured', () => {
  const sample = fc.tuple(
    fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(Number.NaN)),
    fc.oneof(fc.double({ min: 0, max: 64, noNaN: true }), fc.constant(Number.NaN)),
  );
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 200 }), (samples) => {
      const model = new CostModel();
      for (const [work, cores] of samples) model.add(work, cores);
      const cost = model.cost();
      if (cost === undefined) return;
      expect(cost.perUnit).toBeGreaterThanOrEqual(0);
      expect(cost.base).toBeGreaterThanOrEqual(-1e-6);
      expect(Number.isFinite(cost.perUnit) && Number.isFinite(cost.base)).toBe(true);
    }),
  );
});
