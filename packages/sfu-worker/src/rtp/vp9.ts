import { byteAt } from './bytes.ts';
import { FRAME } from './frame-flags.ts';

/**
 * What a VP9 payload holds, as bits of `FRAME`: payload descriptor of RFC 9628 §4.2. A keyframe begins where the base
 * spatial layer's frame begins (B, SID 0) and is not predicted from other pictures (P clear).
 */
export function inspectVp9(buffer: Buffer, start: number, end: number): number {
  if (end - start < 2) return 0;
  const descriptor = byteAt(buffer, start);
  const beginsFrame = (descriptor & 0x08) !== 0;
  if (!beginsFrame) return 0;

  let at = start + 1;
  if ((descriptor & 0x80) !== 0) at += (byteAt(buffer, at) & 0x80) !== 0 ? 2 : 1; // picture id: 15 bits with M, else 7
  if ((descriptor & 0x20) !== 0) {
    if (at >= end) return 0;
    const spatialLayer = (byteAt(buffer, at) >> 1) & 0x07; // T(3) U(1) SID(3) D(1)
    if (spatialLayer !== 0) return 0;
    at++;
  }
  if (at >= end) return 0; // a descriptor without a frame
  const isPredicted = (descriptor & 0x40) !== 0;
  return isPredicted ? FRAME.PICTURE_START : FRAME.PICTURE_START | FRAME.KEYFRAME_START;
}
