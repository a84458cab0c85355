import { expect, test } from 'vitest';
import { FRAME } from './frame-flags.ts';
import { inspectVp9 } from './vp9.ts';

const KEY = FRAME.PICTURE_START | FRAME.KEYFRAME_START;
// Descriptor bits: I=80 P=40 L=20 F=10 B=08 E=04 V=02 Z=01
test.each([
  ['keyframe', [0x08, 0x82], KEY],
  ['keyframe with a 7-bit picture id', [0x88, 0x11, 0x82], KEY],
  ['keyframe with a 15-bit picture id', [0x88, 0x91, 0x22, 0x82], KEY],
  ['keyframe, base layer', [0xa8, 0x91, 0x22, 0x01, 0x00, 0x82], KEY],
  ['keyframe, second spatial layer', [0xa8, 0x91, 0x22, 0x03, 0x00, 0x82], 0],
  ['keyframe in flexible mode with its structure', [0x9a, 0x91, 0x22, 0x00, 0x82], KEY],
  ['predicted frame', [0x48, 0x82], FRAME.PICTURE_START],
  ['predicted frame, base layer', [0xe8, 0x11, 0x20, 0x00, 0x82], FRAME.PICTURE_START],
  ['second packet of a keyframe', [0x80, 0x11, 0x82], 0],
  ['cut off in the picture id', [0x88, 0x91], 0],
  ['cut off before the layer', [0xa8, 0x11], 0],
  ['descriptor alone', [0x08], 0],
  ['nothing', [], 0],
])('%s', (_name, bytes, flags) => {
  expect(inspectVp9(Buffer.from([0x08, ...bytes, 0x00]), 1, 1 + bytes.length)).toBe(flags);
});
