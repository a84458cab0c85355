import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitWriter, escapeRbsp } from '../../../test/rtp/bit-writer.ts';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { parseSps } from './sps.ts';

const SPS_360P = Buffer.from('6764001eacd940a02ff97011000003000100000300320f162d96', 'hex');

type Fields = {
  profileIdc: number;
  levelIdc: number;
  id: number;
  chromaFormat: number;
  scalingDeltas: number[] | undefined;
  pictureOrder: number;
  widthMbs: number;
  heightMapUnits: number;
  isFrameMbsOnly: boolean;
  crop: [number, number, number, number] | undefined;
  timing: [unitsInTick: number, timeScale: number] | undefined;
};

const HIGH = [100, 110, 122, 244];

function writeSps(fields: Fields): Buffer {
  const out = new BitWriter().bits(fields.profileIdc, 8).bits(0x40, 8).bits(fields.levelIdc, 8).ue(fields.id);
  if (HIGH.includes(fields.profileIdc)) {
    out.ue(fields.chromaFormat);
    if (fields.chromaFormat === 3) out.flag(false);
    out.ue(0).ue(0).flag(false); // 8 bits a sample
    out.flag(fields.scalingDeltas !== undefined);
    if (fields.scalingDeltas !== undefined) {
      out.flag(true); // the first list, ended early by a scale of 0
      let scale = 8;
      for (const delta of fields.scalingDeltas) {
        out.se(delta);
        scale += delta;
      }
      out.se(-scale);
      for (let list = 1; list < (fields.chromaFormat === 3 ? 12 : 8); list++) out.flag(false);
    }
  }
  out.ue(4).ue(fields.pictureOrder);
  if (fields.pictureOrder === 0) out.ue(4);
  if (fields.pictureOrder === 1) out.flag(false).se(-3).se(4).ue(2).se(1).se(-1);
  out.ue(4).flag(false);
  out
    .ue(fields.widthMbs - 1)
    .ue(fields.heightMapUnits - 1)
    .flag(fields.isFrameMbsOnly);
  if (!fields.isFrameMbsOnly) out.flag(true);
  out.flag(true).flag(fields.crop !== undefined);
  for (const edge of fields.crop ?? []) out.ue(edge);
  out.flag(fields.timing !== undefined);
  if (fields.timing !== undefined) {
    out.flag(true).bits(255, 8).bits(16, 16).bits(11, 16); // extended sample aspect ratio
    out.flag(true).flag(true); // overscan
    out.flag(true).bits(5, 3).flag(false).flag(true).bits(0x010101, 24); // colours
    out.flag(true).ue(1).ue(1); // chroma location
    out.flag(true).bits(fields.timing[0], 32).bits(fields.timing[1], 32).flag(true);
  }
  return Buffer.concat([Buffer.from([0x67]), escapeRbsp(out.trailing().toBuffer())]);
}

describe('parseSps', () => {
  test.each([
    ['6764001eacd940a02ff97011000003000100000300320f162d96', 640, 360, 100, 30],
    ['67640028acd940780227e5c044000003000400000300c83c60c658', 1920, 1080, 100, 40],
    ['6742c01ed900b4126c0440000003004000000c83c58b92', 720, 576, 66, 30],
    ['67640028acd94078044fde0220000003002000000643e2c5b2c0', 1920, 1080, 100, 40], // interlaced
  ])('reads what x264 writes: %s', (hex, width, height, profileIdc, levelIdc) => {
    expect(parseSps(Buffer.from(hex, 'hex'))).toMatchObject({
      width,
      height,
      profileIdc,
      levelIdc,
      framesPerSecond: 25,
    });
  });

  test('reads back every field that it tells, through emulation prevention', () => {
    const fields: fc.Arbitrary<Fields> = fc.record({
      profileIdc: fc.constantFrom(66, 77, ...HIGH),
      levelIdc: fc.integer({ min: 0, max: 62 }),
      id: fc.integer({ min: 0, max: 31 }),
      chromaFormat: fc.integer({ min: 0, max: 3 }),
      scalingDeltas: fc.option(fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 15 }), { nil: undefined }),
      pictureOrder: fc.integer({ min: 0, max: 2 }),
      widthMbs: fc.integer({ min: 4, max: 512 }),
      heightMapUnits: fc.integer({ min: 4, max: 256 }),
      isFrameMbsOnly: fc.boolean(),
      crop: fc.option(
        fc.tuple(
          ...([0, 0, 0, 0].map(() => fc.integer({ min: 0, max: 7 })) as [
            fc.Arbitrary<number>,
            fc.Arbitrary<number>,
            fc.Arbitrary<number>,
            fc.Arbitrary<number>,
          ]),
        ),
        { nil: undefined },
      ),
      timing: fc.option(fc.tuple(fc.integer({ min: 1, max: 0xffff_ffff }), fc.integer({ min: 1, max: 0xffff_ffff })), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(fields, (wanted) => {
        const chroma = HIGH.includes(wanted.profileIdc) ? wanted.chromaFormat : 1;
        const [left, right, top, bottom] = wanted.crop ?? [0, 0, 0, 0];
        const fields = wanted.isFrameMbsOnly ? 1 : 2;
        expect(parseSps(writeSps(wanted))).toEqual({
          id: wanted.id,
          profileIdc: wanted.profileIdc,
          constraintFlags: 0x40,
          levelIdc: wanted.levelIdc,
          width: 16 * wanted.widthMbs - (left + right) * (chroma === 1 || chroma === 2 ? 2 : 1),
          height: fields * (16 * wanted.heightMapUnits - (top + bottom) * (chroma === 1 ? 2 : 1)),
          framesPerSecond: wanted.timing && wanted.timing[1] / (2 * wanted.timing[0]),
        });
      }),
    );
  });

  test('a VUI that is cut off costs the frame rate only', () => {
    expect(parseSps(SPS_360P.subarray(0, 14))).toMatchObject({ width: 640, height: 360, framesPerSecond: undefined });
  });

  test.each([
    ['empty', Buffer.alloc(0)],
    ['a PPS', Buffer.from('68ebe3cb22c0', 'hex')],
    ['cut off before the size', SPS_360P.subarray(0, 6)],
    ['all zeros, a code that never ends', Buffer.concat([Buffer.from([0x67]), Buffer.alloc(64)])],
    ['longer than any real one', Buffer.concat([SPS_360P, Buffer.alloc(5000, 0x80)])],
    [
      '256 reference frames in a cycle',
      Buffer.concat([
        Buffer.from([0x67]),
        new BitWriter().bits(66, 8).bits(0, 8).bits(30, 8).ue(0).ue(0).ue(1).flag(false).se(0).se(0).ue(256).toBuffer(),
        Buffer.alloc(900, 0xff),
      ]),
    ],
    [
      'a picture too large for any level',
      writeSps({
        profileIdc: 66,
        levelIdc: 30,
        id: 0,
        chromaFormat: 1,
        scalingDeltas: undefined,
        pictureOrder: 2,
        widthMbs: 2 ** 30,
        heightMapUnits: 2 ** 30,
        isFrameMbsOnly: true,
        crop: undefined,
        timing: undefined,
      }),
    ],
    [
      'cropped to nothing',
      writeSps({
        profileIdc: 66,
        levelIdc: 30,
        id: 0,
        chromaFormat: 1,
        scalingDeltas: undefined,
        pictureOrder: 2,
        widthMbs: 4,
        heightMapUnits: 4,
        isFrameMbsOnly: true,
        crop: [16, 16, 0, 0],
        timing: undefined,
      }),
    ],
  ])('answers undefined for one that is %s', (_name, nal) => {
    expect(parseSps(nal)).toBeUndefined();
  });

  test('never throws and never answers with an impossible size, whatever comes', () => {
    const seeded = new Seeded(11);
    for (let i = 0; i < 20_000; i++) {
      const nal = i % 2 === 0 ? seeded.mutate(SPS_360P) : seeded.bytes(seeded.below(80));
      if (nal.length > 0) nal[0] = 0x67;
      const sps = parseSps(nal);
      if (sps === undefined) continue;
      expect(sps.width > 0 && sps.width <= 16_880 && sps.height > 0 && sps.height <= 16_880).toBe(true);
    }
  });
});
