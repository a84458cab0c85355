import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplayWindow } from './replay-window.ts';
import { guessIndex } from './rollover.ts';

/** RFC 3711 appendix A, word by word: roc and s_l to the index of a packet with sequence number seq. */
function appendixA(roc: number, sl: number, seq: number): number {
  let v: number;
  if (sl < 32_768) v = seq - sl > 32_768 ? roc - 1 : roc;
  else v = sl - 32_768 > seq ? roc + 1 : roc;
  return v * 65_536 + seq;
}

const sequence = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(0, 1, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff),
);

describe('guessIndex', () => {
  test('is appendix A of RFC 3711', () => {
    const roc = fc.oneof(fc.integer({ min: 1, max: 0xffff_fffe }), fc.constantFrom(1, 0x7fff_ffff, 0x8000_0000));
    fc.assert(
      fc.property(roc, sequence, sequence, (over, last, seq) => {
        expect(guessIndex(over * 0x1_0000 + last, seq)).toBe(appendixA(over, last, seq));
      }),
      { numRuns: 2000 },
    );
  });

  test('before the first rollover there is no earlier one: such a packet has no index', () => {
    expect(guessIndex(5, 0xffff)).toBe(-1);
    expect(guessIndex(0x7fff, 0xffff)).toBe(0xffff); // exactly half way is not more than half way
    expect(guessIndex(0x7ffe, 0xffff)).toBe(-1);
  });

  test('after the last rollover there is no later one: the keys are used up (RFC 3711 §9.2)', () => {
    const last = 2 ** 48 - 1;
    expect(guessIndex(last, 0xffff)).toBe(last);
    expect(guessIndex(last, 0)).toBe(-1);
  });

  test('the first packet begins in the first cycle', () => {
    fc.assert(
      fc.property(sequence, (seq) => {
        expect(guessIndex(-1, seq)).toBe(seq);
      }),
    );
  });

  test('any packet less than half a cycle away from the highest is found', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 40_000, max: 2 ** 40 }),
        fc.integer({ min: -0x7fff, max: 0x7fff }),
        (highest, away) => {
          const index = highest + away;
          expect(guessIndex(highest, index % 0x1_0000)).toBe(index);
        },
      ),
    );
  });

  test('299 packets lost over the wrap cost no packet after it', () => {
    const window = new ReplayWindow();
    let right = 0;
    for (let index = 65_000; index < 67_000; index++) {
      if (index > 65_400 && index < 65_700) continue;
      const guessed = guessIndex(window.highest, index % 0x1_0000);
      if (guessed === index && window.isFresh(guessed)) right++;
      window.add(guessed);
    }
    expect(right).toBe(2000 - 299);
  });
});
