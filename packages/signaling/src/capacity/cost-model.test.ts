import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CostModel } from './cost-model.ts';

test('nothing is known of what was not seen', () => {
  const model = new CostModel(1);
  for (let second = 0; second < 19; second++) model.add(1000, 0.1);
  expect(model.cost()).toBeUndefined();
  expect(model.idle).toBe(0.02);
});

test('one load is split into the idle process, the waking up and what each packet costs', () => {
  const model = new CostModel(2);
  for (let second = 0; second < 60; second++) model.add(0, 0.01);
  for (let second = 0; second < 60; second++) model.add(10_000, 0.36);
  expect(model.cost()?.base).toBeCloseTo(0.06);
  expect(model.cost()?.perUnit).toBeCloseTo(3e-5);
});

test('at little work waking up costs no more than a quarter', () => {
  const model = new CostModel(1);
  for (let second = 0; second < 60; second++) model.add(0, 0.01);
  for (let second = 0; second < 60; second++) model.add(150, 0.014);
  expect(model.cost()?.base).toBeCloseTo(0.011);
  expect(model.cost()?.perUnit).toBeCloseTo(2e-5);
});

test('while load grows the cost follows it within minutes', () => {
  const model = new CostModel(1);
  for (let second = 0; second < 300; second++) model.add(1000, 0.045); // 20 us
  for (let second = 0; second < 300; second++) model.add(20_000, 0.245); // 10 us
  expect(model.cost()?.perUnit).toBeLessThan(11e-6);
  expect(model.cost()?.perUnit).toBeGreaterThan(9e-6);
});

test('what is long ago counts little', () => {
  const model = new CostModel(1);
  for (let second = 0; second < 600; second++) model.add(10_000, 0.5);
  for (let second = 0; second < 3600; second++) model.add(10_000, 0.145);
  expect(model.cost()?.perUnit).toBeCloseTo(1e-5, 6);
});

test('the cost is finite and never negative, whatever was measured', () => {
  const sample = fc.tuple(
    fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(Number.NaN)),
    fc.oneof(fc.double({ min: 0, max: 64, noNaN: true }), fc.constant(Number.NaN)),
  );
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 200 }), (samples) => {
      const model = new CostModel(1);
      for (const [work, cores] of samples) model.add(work, cores);
      const cost = model.cost();
      if (cost === undefined) return;
      expect(cost.perUnit).toBeGreaterThanOrEqual(0);
      expect(cost.base).toBeGreaterThanOrEqual(-1e-6);
      expect(Number.isFinite(cost.perUnit) && Number.isFinite(cost.base)).toBe(true);
    }),
  );
});
