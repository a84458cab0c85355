import { byteAt, uint16At } from '../bytes.ts';

/**
 * What differs between the payload formats of H.264 (RFC 6184) and H.265 (RFC 7798); the rest, sizes in front of
 * aggregated units and start and end bits of fragments, is the same.
 */
export type NalFormat = {
  /** Bytes of a NAL unit's header; an aggregation packet's and a fragment's payload header are as long. */
  readonly headerBytes: 1 | 2;
  /** Where the type stands in the first header byte: (byte >> typeShift) & typeMask. */
  readonly typeShift: number;
  readonly typeMask: number;
  /** NAL unit types that may stand alone in a packet: [firstType, lastType]. */
  readonly firstType: number;
  readonly lastType: number;
  /** Payload type of an aggregation packet: STAP-A, AP. */
  readonly aggregationType: number;
  /** Payload type of a fragmentation unit: FU-A, FU. */
  readonly fragmentType: number;
};

/** Bits of a fragmentation unit's header, the byte after the payload header (RFC 6184 §5.8, RFC 7798 §4.4.3). */
export const FU_START = 0x80;
export const FU_END = 0x40;

/** Largest NAL unit handled, bytes. Real ones stay far below: 2 MiB a slice is 60 MB/s at 30 fps. */
export const MAX_NAL_BYTES = 2 * 1024 * 1024;

/** NAL unit or payload type, from the first header byte. */
export function nalType(format: NalFormat, firstByte: number): number {
  return (firstByte >> format.typeShift) & format.typeMask;
}

/** The first header byte with its type replaced; reference, layer and forbidden bits stay. */
export function withNalType(format: NalFormat, firstByte: number, type: number): number {
  return (firstByte & ~(format.typeMask << format.typeShift)) | (type << format.typeShift);
}

/** True for a NAL unit's own type, as opposed to an aggregation, a fragment or something reserved. */
export function isNalUnitType(format: NalFormat, type: number): boolean {
  return type >= format.firstType && type <= format.lastType;
}

/**
 * End of the aggregated unit whose 16-bit size stands at `at`, or -1 when it does not fit before `end`. The unit begins at
 * at + 2 and may be empty. Always moves on, so that a loop over units ends.
 */
export function aggregatedUnitEnd(buffer: Buffer, at: number, end: number): number {
  if (at + 2 > end) return -1;
  const unitEnd = at + 2 + uint16At(buffer, at);
  return unitEnd <= end ? unitEnd : -1;
}

export type VisitNalUnit = (buffer: Buffer, start: number, end: number) => void;

/**
 * Calls `visit` with every whole NAL unit in an RTP payload: a single one, or those of an aggregation packet. Fragments,
 * empty, nested and cut-off units are left out.
 */
export function eachNalUnit(format: NalFormat, buffer: Buffer, start: number, end: number, visit: VisitNalUnit): void {
  if (end - start <= format.headerBytes) return;
  const type = nalType(format, byteAt(buffer, start));
  if (isNalUnitType(format, type)) {
    visit(buffer, start, end);
    return;
  }
  if (type !== format.aggregationType) return;
  let at = start + format.headerBytes;
  while (at < end) {
    const unitEnd = aggregatedUnitEnd(buffer, at, end);
    if (unitEnd < 0) return;
    if (isWholeUnit(format, buffer, at + 2, unitEnd)) visit(buffer, at + 2, unitEnd);
    at = unitEnd;
  }
}

/** True when an aggregated unit is a NAL unit with a body. */
export function isWholeUnit(format: NalFormat, buffer: Buffer, start: number, end: number): boolean {
  return end - start > format.headerBytes && isNalUnitType(format, nalType(format, byteAt(buffer, start)));
}
