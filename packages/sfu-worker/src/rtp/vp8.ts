import { byteAt } from './bytes.ts';
import { FRAME } from './frame-flags.ts';

/** What a VP8 payload holds, as bits of `FRAME`: payload descriptor and header of RFC 7741 §4.2, §4.3. */
export function inspectVp8(buffer: Buffer, start: number, end: number): number {
  if (end <= start) return 0;
  const descriptor = byteAt(buffer, start);
  const startsPartition = (descriptor & 0x10) !== 0;
  const partition = descriptor & 0x07;
  if (!startsPartition || partition !== 0) return 0;

  let at = start + 1;
  if ((descriptor & 0x80) !== 0) {
    if (at >= end) return 0;
    const extension = byteAt(buffer, at++);
    if ((extension & 0x80) !== 0) {
      if (at >= end) return 0;
      at += (byteAt(buffer, at) & 0x80) !== 0 ? 2 : 1; // PictureID: 15 bits with M, else 7
    }
    if ((extension & 0x40) !== 0) at++; // TL0PICIDX
    if ((extension & 0x30) !== 0) at++; // TID and KEYIDX share a byte
  }
  if (at >= end) return 0;
  const isInterFrame = (byteAt(buffer, at) & 0x01) !== 0;
  return isInterFrame ? FRAME.PICTURE_START : FRAME.PICTURE_START | FRAME.KEYFRAME_START;
}
