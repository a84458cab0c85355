import { byteAt } from '../bytes.ts';
import { FRAME } from '../frame-flags.ts';
import { aggregatedUnitEnd, FU_START } from '../nal/nal-format.ts';
import { H265_NAL } from './nal.ts';

/**
 * What an H.265 payload in buffer[start, end) holds, as bits of `FRAME`. Reads headers only, never past `end`.
 * KEYFRAME_START stands for a VPS, an SPS or the first slice of an IRAP picture (types 16..21).
 */
export function inspectH265(buffer: Buffer, start: number, end: number): number {
  if (end - start < 3) return 0;
  const type = typeAt(buffer, start);
  if (type === H265_NAL.FU) return inspectFragment(buffer, start, end);
  if (type !== H265_NAL.AP) return inspectUnit(type, byteAt(buffer, start + 2));
  let flags = 0;
  let at = start + 2;
  while (at < end) {
    const unitEnd = aggregatedUnitEnd(buffer, at, end);
    if (unitEnd < 0) break;
    if (unitEnd - at > 4) flags |= inspectUnit(typeAt(buffer, at + 2), byteAt(buffer, at + 4));
    at = unitEnd;
  }
  return flags;
}

function inspectFragment(buffer: Buffer, start: number, end: number): number {
  if (end - start < 4) return 0;
  const fuHeader = byteAt(buffer, start + 2);
  const type = fuHeader & 0x3f;
  if ((fuHeader & FU_START) === 0) return isIrap(type) ? FRAME.HAS_IDR : 0;
  const flags = inspectUnit(type, byteAt(buffer, start + 3));
  return flags & ~(FRAME.HAS_VPS | FRAME.HAS_SPS | FRAME.HAS_PPS); // not whole
}

function inspectUnit(type: number, firstBodyByte: number): number {
  if (type < H265_NAL.FIRST_NON_VCL) {
    // H.265 §7.3.6.1: a slice header opens with first_slice_segment_in_pic_flag
    const start = (firstBodyByte & 0x80) !== 0 ? FRAME.PICTURE_START : 0;
    if (!isIrap(type)) return start;
    return start === 0 ? FRAME.HAS_IDR : FRAME.HAS_IDR | FRAME.PICTURE_START | FRAME.KEYFRAME_START;
  }
  switch (type) {
    case H265_NAL.VPS:
      return FRAME.HAS_VPS | FRAME.KEYFRAME_START;
    case H265_NAL.SPS:
      return FRAME.HAS_SPS | FRAME.KEYFRAME_START;
    case H265_NAL.PPS:
      return FRAME.HAS_PPS;
    default:
      return 0;
  }
}

function isIrap(type: number): boolean {
  return type >= H265_NAL.FIRST_IRAP && type <= H265_NAL.LAST_IRAP;
}

function typeAt(buffer: Buffer, at: number): number {
  return (byteAt(buffer, at) >> 1) & 0x3f;
}
