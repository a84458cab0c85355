import { expect, test } from 'vitest';
import { DescriptorBudget } from './descriptor-budget.ts';

test('strangers get what is not kept free, and descriptors are counted rarely', () => {
  let nowMs = 0;
  let open = 90;
  let counts = 0;
  const count = () => {
    counts++;
    return open;
  };
  const budget = new DescriptorBudget({ limit: 164, count, clock: () => nowMs });
  const admitted = () => Array.from({ length: 20 }, () => budget.admits()).filter(Boolean).length;
  expect([admitted(), counts]).toEqual([11, 1]); // the one that is counted already, and ten more
  nowMs += 249;
  expect(admitted()).toBe(0);
  nowMs += 1;
  open = 80;
  expect([admitted(), counts]).toEqual([20, 2]);
});

test('without a limit everybody is admitted', () => {
  const budget = new DescriptorBudget({ limit: undefined, count: () => undefined, clock: () => 0 });
  expect([budget.admits(), budget.admits()]).toEqual([true, true]);
});
