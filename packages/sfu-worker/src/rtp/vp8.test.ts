import { expect, test } from 'vitest';
import { FRAME } from './frame-flags.ts';
import { inspectVp8 } from './vp8.ts';

const KEY = FRAME.PICTURE_START | FRAME.KEYFRAME_START;

test.each([
  ['keyframe, short descriptor', [0x10, 0x50, 0x9d], KEY],
  ['keyframe with a 7-bit picture id', [0x90, 0x80, 0x11, 0x50], KEY],
  ['keyframe with a 15-bit picture id', [0x90, 0x80, 0x91, 0x22, 0x50], KEY],
  ['keyframe with everything', [0x90, 0xf0, 0x91, 0x22, 0x01, 0x20, 0x50], KEY],
  ['keyframe with KEYIDX alone', [0x90, 0x10, 0x01, 0x50], KEY],
  ['inter frame', [0x10, 0x51, 0x9d], FRAME.PICTURE_START],
  ['inter frame behind a picture id that looks like a keyframe', [0x90, 0x80, 0x10, 0x51], FRAME.PICTURE_START],
  ['second packet of the first partition', [0x00, 0x50], 0],
  ['start of the second partition', [0x11, 0x50], 0],
  ['descriptor cut off in its extension', [0x90], 0],
  ['descriptor cut off in the picture id', [0x90, 0x80], 0],
  ['descriptor cut off in a long picture id', [0x90, 0x80, 0x80], 0],
  ['no frame behind the descriptor', [0x90, 0xf0, 0x91, 0x22, 0x01, 0x20], 0],
  ['nothing', [], 0],
])('%s', (_name, bytes, flags) => {
  expect(inspectVp8(Buffer.from([0x10, ...bytes, 0x00]), 1, 1 + bytes.length)).toBe(flags);
});
