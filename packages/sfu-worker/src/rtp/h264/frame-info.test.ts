import { describe, expect, test } from 'vitest';
import { FRAME } from '../frame-flags.ts';
import { inspectH264 } from './frame-info.ts';

const KEY_SLICE = FRAME.HAS_IDR | FRAME.PICTURE_START | FRAME.KEYFRAME_START;
const inspect = (...bytes: number[]) => inspectH264(Buffer.from(bytes), 0, bytes.length);

describe('inspectH264', () => {
  test.each([
    ['first slice of an IDR picture', [0x65, 0x88, 0x84], KEY_SLICE],
    ['later slice of an IDR picture', [0x65, 0x40, 0x84], FRAME.HAS_IDR],
    ['first slice of a P picture', [0x41, 0x9a, 0x02], FRAME.PICTURE_START],
    ['later slice of a P picture', [0x41, 0x1a], 0],
    ['SPS', [0x67, 0x64, 0x00, 0x1e, 0xac], FRAME.HAS_SPS | FRAME.KEYFRAME_START],
    ['PPS', [0x68, 0xeb], FRAME.HAS_PPS],
    ['SEI', [0x06, 0x05], 0],
    ['access unit delimiter', [0x09, 0xf0], 0],
    ['FU-A that starts an IDR', [0x7c, 0x85, 0x88], KEY_SLICE],
    ['FU-A that goes on with one', [0x7c, 0x05, 0x88], FRAME.HAS_IDR],
    ['FU-A that ends one', [0x7c, 0x45, 0x88], FRAME.HAS_IDR],
    ['FU-A that starts a P slice', [0x5c, 0x81, 0x9a], FRAME.PICTURE_START],
    ['FU-A that goes on with one', [0x5c, 0x01, 0x9a], 0],
    ['FU-A that starts an SPS, not whole', [0x7c, 0x87, 0x64], FRAME.KEYFRAME_START],
    ['FU-A without a body', [0x7c, 0x85], 0],
    ['reserved type', [0x1e, 0xff, 0xff], 0],
    ['type 0', [0x00, 0x00, 0x01, 0x65], 0],
    ['header alone', [0x65], 0],
    ['nothing', [], 0],
  ])('%s', (_name, bytes, flags) => {
    expect(inspect(...bytes)).toBe(flags);
  });

  test('a STAP-A shows what all of its units are', () => {
    const flags = inspect(
      0x78, // STAP-A
      0,
      2,
      0x67,
      0x64, // SPS
      0,
      0, // empty
      0,
      1,
      0x68, // PPS without a body
      0,
      2,
      0x68,
      0xeb, // PPS
      0,
      2,
      0x65,
      0x88, // IDR
    );
    expect(flags).toBe(KEY_SLICE | FRAME.HAS_SPS | FRAME.HAS_PPS);
  });

  test.each([
    ['size past the end', [0x78, 0, 9, 0x67, 0x64], 0],
    ['size cut in half', [0x78, 0, 2, 0x68, 0xeb, 0], FRAME.HAS_PPS],
    ['no unit', [0x78, 0xff], 0],
    ['an SPS without a body', [0x78, 0, 1, 0x67, 0, 2, 0x06, 0x05], 0],
    ['units of size 0 only', [0x78, 0, 0, 0, 0, 0, 0], 0],
  ])('a STAP-A with %s says what came before', (_name, bytes, flags) => {
    expect(inspect(...bytes)).toBe(flags);
  });

  test('reads inside its window only', () => {
    const bytes = Buffer.from([0x65, 0x65, 0x88, 0x84]);
    expect(inspectH264(bytes, 1, 2)).toBe(0);
    expect(inspectH264(bytes, 1, 3)).toBe(KEY_SLICE);
  });
});
