import { byteAt } from '../bytes.ts';
import { FU_END, FU_START, MAX_NAL_BYTES, type NalFormat, nalType, withNalType } from './nal-format.ts';

/**
 * Takes one RTP payload in buffer[start, end). `isLastOfInput`: nothing more comes of this input, so the input's marker
 * belongs on this one.
 */
export type EmitPayload = (buffer: Buffer, start: number, end: number, isLastOfInput: boolean) => void;

/** A limit below this leaves too little room beside the fragment headers to be meant. */
export const MIN_PAYLOAD_BYTES = 16;
/**
 * Emits one whole NAL unit (no start code) as payloads of at most `maxPayloadBytes`: as it is, or as fragments. Each is
 * valid during its `emit` only. @returns how many; 0 for a unit without a body or over 2 MiB.
 */
export function packetiseNal(format: NalFormat, nal: Buffer, maxPayloadBytes: number, emit: EmitPayload): number {
  if (nal.length <= format.headerBytes || nal.length > MAX_NAL_BYTES) return 0;
  if (nal.length <= maxPayloadBytes) {
    emit(nal, 0, nal.length, true);
    return 1;
  }
  if (maxPayloadBytes < MIN_PAYLOAD_BYTES) throw new RangeError(`a payload limit of ${maxPayloadBytes} bytes`);
  const first = byteAt(nal, 0);
  const fuBytes = format.headerBytes + 1;
  const fragment = Buffer.allocUnsafe(maxPayloadBytes);
  nal.copy(fragment, 0, 0, format.headerBytes);
  fragment[0] = withNalType(format, first, format.fragmentType);
  let emitted = 0;
  for (let at = format.headerBytes; at < nal.length; ) {
    const take = Math.min(maxPayloadBytes - fuBytes, nal.length - at);
    const isLast = at + take === nal.length;
    fragment[fuBytes - 1] = (emitted === 0 ? FU_START : 0) | (isLast ? FU_END : 0) | nalType(format, first);
    nal.copy(fragment, fuBytes, at, at + take);
    at += take;
    emitted++;
    emit(fragment, 0, fuBytes + take, isLast);
  }
  return emitted;
}
