import type { NtpTime } from './ntp.ts';
import { FEEDBACK, REPORT_BLOCK_BYTES, RTCP, RTCP_HEADER_BYTES, SENDER_INFO_BYTES } from './packet-types.ts';

/**
 * Writers of single RTCP packets: into `buffer` at `at`, returning the offset after, so that calls in a row make a compound
 * packet. The caller owns the buffer and its size; one that is too small is a bug and throws a RangeError.
 */

/** One report block's values, as `RtcpVisitor.receiverReport` describes them. */
export type ReportBlock = {
  /** SSRC of the source reported on. */
  readonly ssrc: number;
  readonly fractionLost: number;
  readonly cumulativeLost: number;
  readonly highest: number;
  readonly jitter: number;
  readonly lsr: number;
  readonly dlsr: number;
};

/** What a sender says about itself. */
export type SenderInfo = {
  readonly ssrc: number;
  readonly ntp: NtpTime;
  /** The media timestamp of the same instant as `ntp`. */
  readonly rtpTimestamp: number;
  /** Sent so far; beyond 32 bits they wrap. */
  readonly packets: number;
  /** Payload bytes sent so far, without headers and padding. */
  readonly octets: number;
};

const CNAME = 1;
const MAX_CNAME_BYTES = 255;

/** SR without report blocks (RFC 3550 §6.4.1). */
export function writeSenderReport(buffer: Buffer, at: number, report: SenderInfo): number {
  let to = writeHeader(buffer, at, 0, RTCP.SENDER_REPORT, RTCP_HEADER_BYTES + 4 + SENDER_INFO_BYTES);
  to = buffer.writeUInt32BE(report.ssrc, to);
  to = buffer.writeUInt32BE(report.ntp.high, to);
  to = buffer.writeUInt32BE(report.ntp.low, to);
  to = buffer.writeUInt32BE(report.rtpTimestamp, to);
  to = buffer.writeUInt32BE(report.packets % 0x1_0000_0000, to);
  return buffer.writeUInt32BE(report.octets % 0x1_0000_0000, to);
}

/** RR with one block or none (RFC 3550 §6.4.2). */
export function writeReceiverReport(buffer: Buffer, at: number, ssrc: number, block?: ReportBlock): number {
  const blocks = block === undefined ? 0 : 1;
  const bytes = RTCP_HEADER_BYTES + 4 + blocks * REPORT_BLOCK_BYTES;
  let to = writeHeader(buffer, at, blocks, RTCP.RECEIVER_REPORT, bytes);
  to = buffer.writeUInt32BE(ssrc, to);
  if (block === undefined) return to;
  to = buffer.writeUInt32BE(block.ssrc, to);
  to = buffer.writeUInt8(block.fractionLost, to);
  to = buffer.writeIntBE(block.cumulativeLost, to, 3);
  to = buffer.writeUInt32BE(block.highest, to);
  to = buffer.writeUInt32BE(block.jitter, to);
  to = buffer.writeUInt32BE(block.lsr, to);
  return buffer.writeUInt32BE(block.dlsr, to);
}

/** SDES with one chunk and its CNAME (RFC 3550 §6.5.1), at most 255 bytes of UTF-8; a longer one throws a RangeError. */
export function writeSdesCname(buffer: Buffer, at: number, ssrc: number, cname: string): number {
  const textBytes = Buffer.byteLength(cname);
  if (textBytes > MAX_CNAME_BYTES) throw new RangeError('CNAME is longer than 255 bytes');
  const itemBytes = 2 + textBytes;
  const paddingBytes = 4 - (itemBytes % 4); // 1..4: the list ends with at least one zero byte
  const bytes = RTCP_HEADER_BYTES + 4 + itemBytes + paddingBytes;
  if (at + bytes > buffer.length) throw new RangeError('no room for an SDES packet');
  let to = writeHeader(buffer, at, 1, RTCP.SOURCE_DESCRIPTION, bytes);
  to = buffer.writeUInt32BE(ssrc, to);
  to = buffer.writeUInt8(CNAME, to);
  to = buffer.writeUInt8(textBytes, to);
  to += buffer.write(cname, to);
  buffer.fill(0, to, to + paddingBytes);
  return to + paddingBytes;
}

/** Picture loss indication (RFC 4585 §6.3.1). */
export function writePli(buffer: Buffer, at: number, senderSsrc: number, mediaSsrc: number): number {
  let to = writeHeader(buffer, at, FEEDBACK.PLI, RTCP.PAYLOAD_FEEDBACK, RTCP_HEADER_BYTES + 8);
  to = buffer.writeUInt32BE(senderSsrc, to);
  return buffer.writeUInt32BE(mediaSsrc, to);
}

/** BYE of one source, without a reason (RFC 3550 §6.6). */
export function writeBye(buffer: Buffer, at: number, ssrc: number): number {
  const to = writeHeader(buffer, at, 1, RTCP.BYE, RTCP_HEADER_BYTES + 4);
  return buffer.writeUInt32BE(ssrc, to);
}

function writeHeader(buffer: Buffer, at: number, count: number, type: number, bytes: number): number {
  let to = buffer.writeUInt8(0x80 | count, at);
  to = buffer.writeUInt8(type, to);
  return buffer.writeUInt16BE(bytes / 4 - 1, to);
}
