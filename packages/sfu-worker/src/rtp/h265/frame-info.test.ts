import { describe, expect, test } from 'vitest';
import { FRAME } from '../frame-flags.ts';
import { inspectH265 } from './frame-info.ts';

const KEY_SLICE = FRAME.HAS_IDR | FRAME.PICTURE_START | FRAME.KEYFRAME_START;
const inspect = (...bytes: number[]) => inspectH265(Buffer.from(bytes), 0, bytes.length);
/** The two header bytes of a type, layer 0, temporal id 0. */
const header = (type: number) => [type << 1, 1];

describe('inspectH265', () => {
  test.each([16, 17, 18, 19, 20, 21])('type %i, first slice, starts a keyframe', (type) => {
    expect(inspect(...header(type), 0xaf)).toBe(KEY_SLICE);
    expect(inspect(...header(type), 0x2f)).toBe(FRAME.HAS_IDR);
  });

  test.each([
    ['first slice of a trailing picture', [...header(1), 0xd0], FRAME.PICTURE_START],
    ['later slice of one', [...header(1), 0x50], 0],
    ['reserved IRAP type 22', [...header(22), 0xaf], FRAME.PICTURE_START],
    ['VPS', [...header(32), 0x0c], FRAME.HAS_VPS | FRAME.KEYFRAME_START],
    ['SPS', [...header(33), 0x01], FRAME.HAS_SPS | FRAME.KEYFRAME_START],
    ['PPS', [...header(34), 0xc1], FRAME.HAS_PPS],
    ['SEI', [...header(39), 0x05], 0],
    ['FU that starts an IDR', [...header(49), 0x80 | 19, 0xaf], KEY_SLICE],
    ['FU that goes on with one', [...header(49), 19, 0xaf], FRAME.HAS_IDR],
    ['FU that starts a trailing slice', [...header(49), 0x80 | 1, 0xd0], FRAME.PICTURE_START],
    ['FU that starts a VPS, not whole', [...header(49), 0x80 | 32, 0x0c], FRAME.KEYFRAME_START],
    ['FU without a body', [...header(49), 0x80 | 19], 0],
    ['PACI', [...header(50), 0xff, 0xff], 0],
    ['header alone', header(19), 0],
    ['nothing', [], 0],
  ])('%s', (_name, bytes, flags) => {
    expect(inspect(...bytes)).toBe(flags);
  });

  test('an AP shows what all of its units are, up to one that is cut off', () => {
    const units = [0, 3, ...header(32), 0x0c, 0, 0, 0, 3, ...header(33), 0x01, 0, 2, ...header(34)];
    const flags = FRAME.HAS_VPS | FRAME.HAS_SPS | FRAME.KEYFRAME_START;
    expect(inspect(...header(48), ...units)).toBe(flags); // a PPS without a body does not count
    expect(inspect(...header(48), ...units, 0, 4, ...header(19), 0xaf)).toBe(flags);
    expect(inspect(...header(48), ...units, 0, 3, ...header(19), 0xaf)).toBe(flags | KEY_SLICE);
  });
});
