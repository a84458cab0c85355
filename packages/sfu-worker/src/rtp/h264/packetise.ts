import { type EmitPayload, packetiseNal } from '../nal/packetise.ts';
import { H264_FORMAT } from './nal.ts';

/** Emits one whole NAL unit as H.264 payloads within a limit: single or FU-A, each valid during its `emit` only. */
export function packetise(nal: Buffer, maxPayloadBytes: number, emit: EmitPayload): number {
  return packetiseNal(H264_FORMAT, nal, maxPayloadBytes, emit);
}
