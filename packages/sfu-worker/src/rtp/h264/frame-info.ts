import { byteAt } from '../bytes.ts';
import { FRAME } from '../frame-flags.ts';
import { aggregatedUnitEnd, FU_START } from '../nal/nal-format.ts';
import { H264_NAL } from './nal.ts';

/**
 * What an H.264 payload in buffer[start, end) holds, as bits of `FRAME`. Reads headers only, never past `end`; the work is
 * linear in the number of aggregated units.
 *
 * KEYFRAME_START stands for an SPS or the first slice of an IDR picture. An access unit delimiter, SEI or PPS may come
 * before either in the same frame.
 */
export function inspectH264(buffer: Buffer, start: number, end: number): number {
  if (end - start < 2) return 0;
  const type = byteAt(buffer, start) & 0x1f;
  if (type === H264_NAL.FU_A) return inspectFragment(buffer, start, end);
  if (type !== H264_NAL.STAP_A) return inspectUnit(type, byteAt(buffer, start + 1));
  let flags = 0;
  let at = start + 1;
  while (at < end) {
    const unitEnd = aggregatedUnitEnd(buffer, at, end);
    if (unitEnd < 0) break;
    if (unitEnd - at > 3) flags |= inspectUnit(byteAt(buffer, at + 2) & 0x1f, byteAt(buffer, at + 3));
    at = unitEnd;
  }
  return flags;
}

function inspectFragment(buffer: Buffer, start: number, end: number): number {
  if (end - start < 3) return 0;
  const fuHeader = byteAt(buffer, start + 1);
  const type = fuHeader & 0x1f;
  if ((fuHeader & FU_START) === 0) return type === H264_NAL.IDR ? FRAME.HAS_IDR : 0;
  const flags = inspectUnit(type, byteAt(buffer, start + 2));
  return flags & ~(FRAME.HAS_SPS | FRAME.HAS_PPS); // not whole
}

function inspectUnit(type: number, firstBodyByte: number): number {
  switch (type) {
    case H264_NAL.SLICE:
      return isFirstSlice(firstBodyByte) ? FRAME.PICTURE_START : 0;
    case H264_NAL.IDR:
      return isFirstSlice(firstBodyByte) ? FRAME.HAS_IDR | FRAME.PICTURE_START | FRAME.KEYFRAME_START : FRAME.HAS_IDR;
    case H264_NAL.SPS:
      return FRAME.HAS_SPS | FRAME.KEYFRAME_START;
    case H264_NAL.PPS:
      return FRAME.HAS_PPS;
    default:
      return 0;
  }
}

/** H.264 §7.3.3: a slice header opens with first_mb_in_slice, and ue(0) is the single bit 1. */
function isFirstSlice(firstBodyByte: number): boolean {
  return (firstBodyByte & 0x80) !== 0;
}
