import { CODEC_NAMES } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { FRAME, inspectorFor } from './inspect.ts';

const isKeyframe = (codec: (typeof CODEC_NAMES)[number], ...bytes: number[]) =>
  (inspectorFor(codec)(Buffer.from(bytes), 0, bytes.length) & FRAME.KEYFRAME_START) !== 0;

test('each video codec has its own inspector', () => {
  expect(isKeyframe('H264', 0x65, 0x88)).toBe(true);
  expect(isKeyframe('H265', 0x26, 0x01, 0xaf)).toBe(true);
  expect(isKeyframe('VP8', 0x10, 0x50)).toBe(true);
  expect(isKeyframe('VP9', 0x08, 0x82)).toBe(true);
  expect(isKeyframe('AV1', 0x18, 0x0a)).toBe(true);
});

test('every audio packet is a place to begin, no video packet without a payload is', () => {
  for (const codec of CODEC_NAMES) {
    const isAudio = ['OPUS', 'PCMU', 'PCMA', 'G722'].includes(codec);
    expect([codec, isKeyframe(codec)]).toEqual([codec, isAudio]);
  }
});

test('flags are distinct bits', () => {
  const bits = Object.values(FRAME);
  expect(bits.reduce((sum, bit) => sum + bit, 0)).toBe(bits.reduce((all, bit) => all | bit, 0));
});
