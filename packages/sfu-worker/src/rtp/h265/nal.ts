import { eachNalUnit, type NalFormat, type VisitNalUnit } from '../nal/nal-format.ts';

/** NAL unit types (H.265 table 7-1) and packet types (RFC 7798 §4.4) that matter here. */
export const H265_NAL = {
  /** Types below are slices (VCL). */
  FIRST_NON_VCL: 32,
  FIRST_IRAP: 16,
  LAST_IRAP: 21,
  VPS: 32,
  SPS: 33,
  PPS: 34,
  ACCESS_UNIT_DELIMITER: 35,
  AP: 48,
  FU: 49,
} as const;

/** The RTP payload format of H.265 (RFC 7798) without decoding order numbers (sprop-max-don-diff = 0). */
export const H265_FORMAT: NalFormat = {
  headerBytes: 2,
  typeShift: 1,
  typeMask: 0x3f,
  firstType: 0,
  lastType: 47,
  aggregationType: H265_NAL.AP,
  fragmentType: H265_NAL.FU,
};

/** Calls `visit` with every whole NAL unit of a payload: single or inside an AP. Fragments are left out. */
export function eachH265NalUnit(buffer: Buffer, start: number, end: number, visit: VisitNalUnit): void {
  eachNalUnit(H265_FORMAT, buffer, start, end, visit);
}
