import { eachNalUnit, type NalFormat, type VisitNalUnit } from '../nal/nal-format.ts';

/** NAL unit types (H.264 table 7-1) and packet types (RFC 6184 table 1) that matter here. */
export const H264_NAL = {
  SLICE: 1,
  IDR: 5,
  SEI: 6,
  SPS: 7,
  PPS: 8,
  ACCESS_UNIT_DELIMITER: 9,
  STAP_A: 24,
  FU_A: 28,
} as const;

/** The RTP payload format of H.264 (RFC 6184), packetization modes 0 and 1. */
export const H264_FORMAT: NalFormat = {
  headerBytes: 1,
  typeShift: 0,
  typeMask: 0x1f,
  firstType: 1,
  lastType: 23,
  aggregationType: H264_NAL.STAP_A,
  fragmentType: H264_NAL.FU_A,
};

/** Calls `visit` with every whole NAL unit of a payload: single or inside a STAP-A. Fragments are left out. */
export function eachH264NalUnit(buffer: Buffer, start: number, end: number, visit: VisitNalUnit): void {
  eachNalUnit(H264_FORMAT, buffer, start, end, visit);
}
