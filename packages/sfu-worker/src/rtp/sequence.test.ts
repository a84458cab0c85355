import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DuplicateWindow, SequenceUnwrapper, sequenceDelta, timestampDelta } from './sequence.ts';

const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe('deltas', () => {
  test.each([
    [0, 0xffff, 1],
    [0xffff, 0, -1],
    [0x7fff, 0, 0x7fff],
    [0x8000, 0, -0x8000], // half way round: taken as old
  ])('sequenceDelta(%i, %i) is %i', (a, b, delta) => expect(sequenceDelta(a, b)).toBe(delta));

  test.each([
    [0, 0xffff_ffff, 1],
    [0xffff_ffff, 0, -1],
    [0x8000_0000, 0, -0x8000_0000],
    [3000, 0xffff_fc18, 4000],
  ])('timestampDelta(%i, %i) is %i', (a, b, delta) => expect(timestampDelta(a, b)).toBe(delta));

  test('b plus the delta is a, modulo the width', () => {
    fc.assert(fc.property(uint16, uint16, (a, b) => ((b + sequenceDelta(a, b)) & 0xffff) === a));
    fc.assert(fc.property(uint32, uint32, (a, b) => (b + timestampDelta(a, b)) >>> 0 === a));
  });
});

describe('SequenceUnwrapper', () => {
  test('goes on across the wrap', () => {
    const unwrapper = new SequenceUnwrapper();
    expect([65534, 65535, 0, 1].map((sequence) => unwrapper.unwrap(sequence))).toEqual([65534, 65535, 65536, 65537]);
  });

  test('a late packet from before the wrap gets its old number, from before the first a negative one', () => {
    const unwrapper = new SequenceUnwrapper();
    expect([65535, 2, 65534, 3].map((sequence) => unwrapper.unwrap(sequence))).toEqual([65535, 65538, 65534, 65539]);
    unwrapper.reset();
    expect([1, 65535].map((sequence) => unwrapper.unwrap(sequence))).toEqual([1, -1]);
  });

  test('a late packet does not move the reference', () => {
    const unwrapper = new SequenceUnwrapper();
    expect([0, 30_000, 100, 40_000].map((sequence) => unwrapper.unwrap(sequence))).toEqual([0, 30_000, 100, 40_000]);
  });

  test('follows any path of steps shorter than half the space', () => {
    fc.assert(
      fc.property(uint16, fc.array(fc.integer({ min: 0, max: 0x7fff }), { maxLength: 300 }), (first, steps) => {
        const unwrapper = new SequenceUnwrapper();
        let expected = first;
        expect(unwrapper.unwrap(first)).toBe(first);
        for (const step of steps) {
          expected += step;
          expect(unwrapper.unwrap(expected & 0xffff)).toBe(expected);
        }
      }),
    );
  });
});

describe('DuplicateWindow', () => {
  test('takes each index once, and none that is 64 behind', () => {
    const window = new DuplicateWindow();
    expect(window.accept(1000)).toBe(true);
    expect(window.accept(1000)).toBe(false);
    expect(window.accept(1000 - 63)).toBe(true);
    expect(window.accept(1000 - 63)).toBe(false);
    expect(window.accept(1000 - 64)).toBe(false);
    window.reset();
    expect(window.accept(3)).toBe(true);
  });

  test.each([1, 31, 32, 33, 63, 64, 65])('remembers the right ones after a slide of %i', (by) => {
    const window = new DuplicateWindow();
    const seen = [100, 99, 90, 70, 69, 68, 40];
    for (const index of seen) window.accept(index);
    window.accept(100 + by);
    for (let index = 37; index < 100 + by; index++) {
      const isFresh = 100 + by - index < 64 && !seen.includes(index);
      expect([index, window.accept(index)]).toEqual([index, isFresh]);
    }
  });

  test('agrees with a set of everything seen', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -90, max: 90 }), { maxLength: 300 }), (steps) => {
        const window = new DuplicateWindow();
        const seen = new Set<number>();
        let highest = -Infinity;
        let index = 65_500; // the unwrapped index passes 2^16
        for (const step of steps) {
          index = Math.max(index + step, highest - 200);
          const isFresh = highest - index < 64 && !seen.has(index);
          expect(window.accept(index)).toBe(isFresh);
          seen.add(index);
          highest = Math.max(highest, index);
        }
      }),
    );
  });
});
