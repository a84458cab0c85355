import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matching, sorted, windowOf } from './table-model.ts';

test('names are sorted as people count, unknown figures come last both ways', () => {
  const names = ['cam10', 'Cam2', 'cam1'].map((name) => ({ name }));
  expect(sorted(names, ({ name }) => name, 'ascending').map(({ name }) => name)).toEqual(['cam1', 'Cam2', 'cam10']);
  const figures = [{ v: 2 }, { v: null }, { v: 3 }, { v: 1 }];
  expect(sorted(figures, ({ v }) => v, 'ascending').map(({ v }) => v)).toEqual([1, 2, 3, null]);
  expect(sorted(figures, ({ v }) => v, 'descending').map(({ v }) => v)).toEqual([3, 2, 1, null]);
});

test('rows that are equal keep their order, so that nothing jumps at an update', () => {
  const rows = Array.from({ length: 50 }, (_, id) => ({ id, v: id % 3 }));
  const ids = sorted(rows, ({ v }) => v, 'descending').map(({ id }) => id);
  for (let i = 1; i < ids.length; i++) {
    const [before = 0, after = 0] = [ids[i - 1], ids[i]];
    if (before % 3 === after % 3) expect(before).toBeLessThan(after);
  }
});

test('a search finds rows that have all of its words', () => {
  const rows = ['site/north/cam1 H264', 'site/south/cam1 VP8'];
  const find = (search: string) => matching(rows, search, (row) => row).length;
  expect([find(''), find('  '), find('CAM1'), find('cam1 vp8'), find('vp9')]).toEqual([2, 2, 2, 1, 0]);
});

test('whatever one scrolls to, what is in view is drawn, and the whole keeps its height', () => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.nat(300_000), fc.integer({ min: 1, max: 2_000 }), (count, scroll, view) => {
      const height = 40;
      const { first, end, before, after } = windowOf(count, height, scroll, view);
      expect(before + (end - first) * height + after).toBe(count * height);
      const scrollTop = Math.min(scroll, Math.max(0, count * height - view));
      expect(first).toBeLessThanOrEqual(Math.floor(scrollTop / height));
      expect(end).toBeGreaterThanOrEqual(Math.min(count, Math.ceil((scrollTop + view) / height)));
      expect(end - first).toBeLessThanOrEqual(Math.ceil(view / height) + 40);
    }),
  );
});
