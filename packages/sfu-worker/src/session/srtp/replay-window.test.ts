import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplayWindow } from './replay-window.ts';

const WINDOW = 128;

/** What a window is: the set of all indexes seen, and nothing older than the window counts as fresh. */
class Model {
  readonly seen = new Set<number>();
  highest = -1;
  isFresh(index: number): boolean {
    return index >= 0 && index > this.highest - WINDOW && !this.seen.has(index);
  }
  add(index: number): void {
    this.seen.add(index);
    this.highest = Math.max(this.highest, index);
  }
}

describe('replay window', () => {
  test.each([0, 1000, 2 ** 31 - 200, 2 ** 32 - 200, 2 ** 47])(
    'agrees with a set of all that was seen, from %i on',
    (base) => {
      // Small steps and repetitions mostly, now and then a leap over whole windows.
      const step = fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: -140, max: 40 }) },
        { weight: 1, arbitrary: fc.integer({ min: 100, max: 400 }) },
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
          const window = new ReplayWindow();
          const model = new Model();
          let at = base + 150;
          for (const by of steps) {
            const index = Math.max(0, at + by);
            expect(window.isFresh(index)).toBe(model.isFresh(index));
            if (model.isFresh(index)) {
              window.add(index);
              model.add(index);
            }
            expect(window.highest).toBe(model.highest);
            at = Math.max(at, index);
          }
          for (let index = Math.max(0, at - 300); index < at + 3; index++) {
            expect(window.isFresh(index)).toBe(model.isFresh(index));
          }
        }),
        { numRuns: 100 },
      );
    },
  );

  test('a restored window takes everything up to its highest index for seen', () => {
    const window = new ReplayWindow(70_000);
    for (let index = 69_800; index <= 70_000; index++) expect(window.isFresh(index)).toBe(false);
    expect(window.isFresh(70_001)).toBe(true);
    window.add(70_003);
    expect([70_001, 70_002, 70_003, 70_004].map((index) => window.isFresh(index))).toEqual([true, true, false, true]);
    expect(window.isFresh(70_000)).toBe(false);
  });

  test('a negative index is never fresh once something was seen', () => {
    const window = new ReplayWindow();
    window.add(3);
    expect(window.isFresh(-1)).toBe(false);
  });
});
