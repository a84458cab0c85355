import { expect, test } from 'vitest';
import { inspectAv1 } from './av1.ts';
import { FRAME } from './frame-flags.ts';

// Aggregation header: Z=80 Y=40 W=30 N=08. OBU headers: 0x0a sequence header, 0x12 temporal delimiter, 0x32 frame.
test.each([
  ['N: a new coded video sequence', [0x18, 0x0a, 0x0b], true],
  ['N with Z, which is not allowed', [0x98, 0x0a, 0x0b], false],
  ['sequence header alone, W=1', [0x10, 0x0a, 0x0b], true],
  ['frame alone, W=1', [0x10, 0x32, 0x0b], false],
  ['sequence header behind a delimiter, W=2', [0x20, 1, 0x12, 0x0a, 0x0b], true],
  ['sequence header with sizes only, W=0', [0x00, 1, 0x12, 2, 0x0a, 0x0b], true],
  ['size of several bytes', [0x00, 0x82, 0x00, 0x12, 0x00, 2, 0x0a, 0x0b], true],
  ['fragment that goes on and looks like one', [0x90, 0x0a, 0x0b], false],
  ['sequence header behind a fragment that ends', [0xa0, 1, 0x0a, 0x0a, 0x0b], true],
  ['empty element first', [0x20, 0, 0x0a, 0x0b], true],
  ['more elements than W says', [0x10, 0x32, 2, 0x0a, 0x0b], false],
  ['size past the end', [0x20, 9, 0x0a, 0x0b], false],
  ['size that never ends', [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], false],
  ['size cut off', [0x00, 0xff], false],
  ['aggregation header alone', [0x18], false],
  ['nothing', [], false],
])('%s', (_name, bytes, isKeyframe) => {
  const flags = inspectAv1(Buffer.from([0x18, ...bytes, 0x0a, 0x0a]), 1, 1 + bytes.length);
  expect(flags).toBe(isKeyframe ? FRAME.KEYFRAME_START : 0);
});
