import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitWriter, escapeRbsp } from '../../../test/rtp/bit-writer.ts';
import { BitReader, unescapeRbsp } from './bit-reader.ts';

describe('unescapeRbsp', () => {
  test('takes the 3 out of 00 00 03, and only that one', () => {
    const escaped = Buffer.from([9, 0, 0, 3, 0, 0, 3, 1, 0, 0, 3, 3, 3, 0, 3]);
    expect([...unescapeRbsp(escaped, 1, escaped.length)]).toEqual([0, 0, 0, 0, 1, 0, 0, 3, 3, 0, 3]);
  });

  test('undoes the escaping of any bytes', () => {
    const bytes = fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 255), { maxLength: 60 });
    fc.assert(
      fc.property(bytes, (list) => {
        const escaped = escapeRbsp(Buffer.from(list));
        expect([...unescapeRbsp(escaped, 0, escaped.length)]).toEqual(list);
      }),
    );
  });
});

describe('BitReader', () => {
  test('reads back any mix of codes', () => {
    const code = fc.oneof(
      fc.record({ kind: fc.constant('ue' as const), value: fc.integer({ min: 0, max: 0xffff_fffe }) }),
      fc.record({ kind: fc.constant('se' as const), value: fc.integer({ min: -0x7fff_ffff, max: 0x7fff_ffff }) }),
      fc.record({ kind: fc.constant('bits' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
      fc.record({ kind: fc.constant('skip' as const), value: fc.integer({ min: 0, max: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(code, { maxLength: 40 }), (codes) => {
        const out = new BitWriter();
        for (const { kind, value } of codes) {
          if (kind === 'ue') out.ue(value);
          else if (kind === 'se') out.se(value);
          else if (kind === 'bits') out.bits(value, 32);
          else out.bits(0, value);
        }
        const reader = new BitReader(out.toBuffer());
        for (const { kind, value } of codes) {
          if (kind === 'ue') expect(reader.ue()).toBe(value);
          else if (kind === 'se') expect(reader.se()).toBe(value + 0);
          else if (kind === 'bits') expect(reader.bits(32)).toBe(value);
          else reader.skip(value);
        }
        expect(reader.overrun).toBe(false);
      }),
    );
  });

  test('past the end there are zeros and an overrun', () => {
    const reader = new BitReader(Buffer.from([0xff]));
    expect([reader.bits(8), reader.bits(1), reader.overrun]).toEqual([255, 0, true]);
    expect([reader.ue(), reader.se(), reader.flag()]).toEqual([0, 0, false]);
  });

  test('a code of 32 zeros or more is an overrun', () => {
    const reader = new BitReader(Buffer.concat([Buffer.alloc(4), Buffer.alloc(8, 0xff)]));
    expect([reader.ue(), reader.overrun]).toEqual([0, true]);
  });
});
