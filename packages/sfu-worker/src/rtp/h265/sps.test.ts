import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitWriter, escapeRbsp } from '../../../test/rtp/bit-writer.ts';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { parseH265Sps } from './sps.ts';

const SPS_360P = Buffer.from(
  '42010101600000030090000003000003003fa00502016965959a4932bc05a02000000300200000030321',
  'hex',
);

describe('parseH265Sps', () => {
  test.each([
    [SPS_360P.toString('hex'), 640, 360, 63],
    ['4201010160000003009000000300000300' + '78a003c08010e596566924caf0168080000003008000000c84', 1920, 1080, 120],
  ])('reads what x265 writes: %s', (hex, width, height, levelIdc) => {
    const wanted = { id: 0, profileIdc: 1, tierFlag: 0, levelIdc, width, height };
    expect(parseH265Sps(Buffer.from(hex, 'hex'))).toEqual(wanted);
  });

  test('reads back every field that it tells, behind any sub-layers', () => {
    const subLayer = fc.record({ hasProfile: fc.boolean(), hasLevel: fc.boolean() });
    const fields = fc.record({
      id: fc.integer({ min: 0, max: 15 }),
      tierFlag: fc.integer({ min: 0, max: 1 }),
      profileIdc: fc.integer({ min: 0, max: 31 }),
      levelIdc: fc.integer({ min: 0, max: 255 }),
      subLayers: fc.array(subLayer, { maxLength: 6 }),
      chromaFormat: fc.integer({ min: 0, max: 3 }),
      hasSeparatePlanes: fc.boolean(),
      width: fc.integer({ min: 64, max: 16_000 }),
      height: fc.integer({ min: 64, max: 16_000 }),
      crop: fc.option(fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 4, maxLength: 4 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fields, (wanted) => {
        const out = new BitWriter().bits(3, 4).bits(wanted.subLayers.length, 3).flag(true);
        out.bits(0, 2).bits(wanted.tierFlag, 1).bits(wanted.profileIdc, 5);
        out.bits(0x6000_0000, 32).bits(0, 32).bits(0, 16).bits(wanted.levelIdc, 8);
        if (wanted.subLayers.length > 0) {
          for (let layer = 0; layer < 8; layer++) {
            out.flag(wanted.subLayers[layer]?.hasProfile === true).flag(wanted.subLayers[layer]?.hasLevel === true);
          }
        }
        for (const layer of wanted.subLayers) {
          if (layer.hasProfile) out.bits(0, 32).bits(0x55, 32).bits(1, 24);
          if (layer.hasLevel) out.bits(93, 8);
        }
        out.ue(wanted.id).ue(wanted.chromaFormat);
        if (wanted.chromaFormat === 3) out.flag(wanted.hasSeparatePlanes);
        out
          .ue(wanted.width)
          .ue(wanted.height)
          .flag(wanted.crop !== undefined);
        for (const edge of wanted.crop ?? []) out.ue(edge);
        const nal = Buffer.concat([Buffer.from([0x42, 0x01]), escapeRbsp(out.trailing().toBuffer())]);

        const [left = 0, right = 0, top = 0, bottom = 0] = wanted.crop ?? [];
        const isHalfWide = wanted.chromaFormat === 1 || wanted.chromaFormat === 2;
        expect(parseH265Sps(nal)).toEqual({
          id: wanted.id,
          profileIdc: wanted.profileIdc,
          tierFlag: wanted.tierFlag,
          levelIdc: wanted.levelIdc,
          width: wanted.width - (left + right) * (isHalfWide ? 2 : 1),
          height: wanted.height - (top + bottom) * (wanted.chromaFormat === 1 ? 2 : 1),
        });
      }),
    );
  });

  test('answers undefined for garbage and never throws', () => {
    expect(parseH265Sps(Buffer.alloc(0))).toBeUndefined();
    expect(parseH265Sps(SPS_360P.subarray(0, 12))).toBeUndefined();
    expect(parseH265Sps(Buffer.concat([SPS_360P, Buffer.alloc(5000)]))).toBeUndefined();
    const seeded = new Seeded(12);
    for (let i = 0; i < 20_000; i++) {
      const nal = i % 2 === 0 ? seeded.mutate(SPS_360P) : seeded.bytes(seeded.below(80));
      if (nal.length > 0) nal[0] = 0x42;
      const sps = parseH265Sps(nal);
      if (sps !== undefined) expect(sps.width > 0 && sps.width < 16_889 && sps.height > 0).toBe(true);
    }
  });
});
