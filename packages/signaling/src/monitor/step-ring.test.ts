import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StepRing } from './step-ring.ts';

test('a step is the mean of what was measured in it, and shows once it is complete', () => {
  const ring = new StepRing(2, 10, 6);
  ring.add(100, [1, 10]);
  ring.add(104, [3, Number.NaN]);
  expect(ring.read([0]).times).toEqual([]);
  ring.add(110, [5, 5]);
  expect(ring.read([0, 1])).toEqual({ times: [100], columns: [[2], [10]] });
});

test('steps without a measurement are null', () => {
  const ring = new StepRing(1, 1, 10);
  ring.add(5, [1]);
  ring.add(8, [2]);
  ring.add(9, [Number.NaN]);
  ring.add(10, [3]);
  expect(ring.read([0])).toEqual({ times: [5, 6, 7, 8, 9], columns: [[1, null, null, 2, null]] });
});

test('a gap longer than the ring leaves nothing old in it', () => {
  const ring = new StepRing(1, 1, 3);
  for (const at of [1, 2, 3, 4]) ring.add(at, [at]);
  ring.add(1000, [7]);
  expect(ring.read([0])).toEqual({ times: [997, 998, 999], columns: [[null, null, null]] });
});

test('time that goes back is left out', () => {
  const ring = new StepRing(1, 1, 3);
  for (const at of [10, 4, 11]) ring.add(at, [at]);
  expect(ring.read([0])).toEqual({ times: [10], columns: [[10]] });
});

test('whatever was added when, it shows what a list of all that was added would show', () => {
  const additions = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 0, max: 100 })), { maxLength: 60 });
  fc.assert(
    fc.property(additions, fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 5 }), (list, capacity, step) => {
      const ring = new StepRing(1, step, capacity);
      const all = new Map<number, number[]>();
      let at = 1000;
      const first = Math.floor((at + (list[0]?.[0] ?? 0)) / step);
      for (const [wait, value] of list) {
        at += wait;
        ring.add(at, [value]);
        all.set(Math.floor(at / step), [...(all.get(Math.floor(at / step)) ?? []), value]);
      }
      const open = Math.floor(at / step);
      const times: number[] = [];
      const means: (number | null)[] = [];
      for (let each = Math.max(first, open - capacity); list.length > 0 && each < open; each++) {
        const values = all.get(each);
        times.push(each * step);
        means.push(
          values === undefined ? null : Math.fround(values.reduce((sum, next) => sum + next, 0) / values.length),
        );
      }
      expect(ring.read([0])).toEqual({ times, columns: [means] });
    }),
  );
});

test('its memory grows with what there is to remember', () => {
  const ring = new StepRing(1, 1, 1440);
  const before = ring.heldBytes;
  for (let at = 1; at <= 33; at++) ring.add(at, [at]);
  expect(ring.heldBytes).toBe(before);
  for (let at = 34; at <= 3000; at++) ring.add(at, [at]);
  expect(ring.heldBytes).toBe(StepRing.bytes(1, 1440));
  expect(ring.read([0]).times).toHaveLength(1440);
  expect(before).toBe(StepRing.bytes(1, 32));
});
