import { type EmitPayload, packetiseNal } from '../nal/packetise.ts';
import { H265_FORMAT } from './nal.ts';

/** Emits one whole NAL unit as H.265 payloads within a limit: single or FU, each valid during its `emit` only. */
export function packetiseH265(nal: Buffer, maxPayloadBytes: number, emit: EmitPayload): number {
  return packetiseNal(H265_FORMAT, nal, maxPayloadBytes, emit);
}
