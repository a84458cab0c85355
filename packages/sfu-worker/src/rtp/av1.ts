import { byteAt } from './bytes.ts';
import { FRAME } from './frame-flags.ts';

const OBU_SEQUENCE_HEADER = 1;
/** A leb128 size in RTP fits 5 bytes; more is garbage. */
const MAX_LEB128_BYTES = 5;

/**
 * What an AV1 payload holds, as bits of `FRAME` (AV1 RTP specification §4.4). A keyframe begins where the aggregation
 * header's N bit says that a coded video sequence does, or, from senders that leave N out, where a sequence header starts.
 */
export function inspectAv1(buffer: Buffer, start: number, end: number): number {
  if (end - start < 2) return 0;
  const aggregation = byteAt(buffer, start);
  const continuesObu = (aggregation & 0x80) !== 0; // Z
  const beginsSequence = (aggregation & 0x08) !== 0; // N
  if (beginsSequence) return continuesObu ? 0 : FRAME.KEYFRAME_START; // §4.4: N with Z is not allowed
  const count = (aggregation >> 4) & 0x03; // W; 0: every element has a size
  return startsSequenceHeader(buffer, start + 1, end, count, continuesObu) ? FRAME.KEYFRAME_START : 0;
}

function startsSequenceHeader(buffer: Buffer, from: number, end: number, count: number, skipFirst: boolean): boolean {
  let at = from;
  for (let element = 1; at < end; element++) {
    let size = end - at;
    if (count !== element) {
      // the last of W elements has no size field
      size = 0;
      let shift = 0;
      let isOpen = true;
      for (let read = 0; isOpen; read++) {
        if (at >= end || read === MAX_LEB128_BYTES) return false;
        const byte = byteAt(buffer, at++);
        size += (byte & 0x7f) * 2 ** shift;
        shift += 7;
        isOpen = (byte & 0x80) !== 0;
      }
    }
    if (size > end - at) return false;
    const isFirst = element === 1;
    const type = (byteAt(buffer, at) >> 3) & 0x0f;
    if (size > 0 && type === OBU_SEQUENCE_HEADER && !(isFirst && skipFirst)) return true;
    at += size;
    if (element === count) return false;
  }
  return false;
}
