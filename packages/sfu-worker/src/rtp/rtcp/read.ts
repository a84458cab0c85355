import { byteAt, uint16At, uint32At } from '../bytes.ts';
import { FEEDBACK, REPORT_BLOCK_BYTES, RTCP, RTCP_HEADER_BYTES, SENDER_INFO_BYTES } from './packet-types.ts';

/** Why a compound packet is not RTCP. `overrun`: a length or count points past the end. */
export type RtcpFault = 'too-short' | 'bad-version' | 'overrun' | 'bad-padding';

/** What a compound packet says, in its order; what nobody listens to is still checked. All numbers are unsigned as on the wire, except where noted. */
export interface RtcpVisitor {
  /** RFC 3550 §6.4.1; the blocks that follow come as `receiverReport`. */
  senderReport?(
    ssrc: number,
    ntpHigh: number,
    ntpLow: number,
    rtpTimestamp: number,
    packets: number,
    octets: number,
  ): void;
  /**
   * One report block of an SR or RR. `fractionLost` in 1/256, `cumulativeLost` signed 24 bits, `highest` the extended
   * sequence number, `jitter` in timestamp units, `lsr` the middle 32 bits of NTP time, `dlsr` in 1/65536 s.
   */
  receiverReport?(
    reporter: number,
    source: number,
    fractionLost: number,
    cumulativeLost: number,
    highest: number,
    jitter: number,
    lsr: number,
    dlsr: number,
  ): void;
  /** Picture loss indication, RFC 4585 §6.3.1. */
  pli?(mediaSsrc: number): void;
  /** Full intra request, RFC 5104 §4.3.1: one call an entry. A repeated `sequence` (8 bits) is a retransmission. */
  fir?(mediaSsrc: number, sequence: number): void;
  /** Generic NACK, RFC 4585 §6.2.1: one call an entry, packet id and the bitmask of the 16 after it. */
  nack?(mediaSsrc: number, pid: number, blp: number): void;
  /** RFC 3550 §6.6: one call a source. */
  bye?(ssrc: number): void;
  /** Anything else; `fmt` is the count or format field. */
  other?(type: number, fmt: number): void;
}

/**
 * Reads a compound RTCP packet in buffer[start, end), reduced-size ones too (RFC 5506). Each packet in it is checked whole
 * before the visitor hears of it; after a fault the rest is left unread. Allocates nothing, throws nothing of its own.
 */
export function readRtcp(buffer: Buffer, start: number, end: number, visitor: RtcpVisitor): RtcpFault | undefined {
  if (end - start < RTCP_HEADER_BYTES) return 'too-short';
  if (start < 0 || end > buffer.length) return 'overrun';
  let at = start;
  while (at < end) {
    if (end - at < RTCP_HEADER_BYTES) return 'overrun';
    const first = byteAt(buffer, at);
    if (first >> 6 !== 2) return 'bad-version';
    const packetEnd = at + 4 * (uint16At(buffer, at + 2) + 1); // the length counts words, less one
    if (packetEnd > end) return 'overrun';
    let contentEnd = packetEnd;
    if ((first & 0x20) !== 0) {
      const padding = byteAt(buffer, packetEnd - 1);
      // RFC 3550 §6.4.1: whole words, on the last packet only
      const isRoom = padding <= packetEnd - at - RTCP_HEADER_BYTES;
      if (packetEnd !== end || padding === 0 || padding % 4 !== 0 || !isRoom) return 'bad-padding';
      contentEnd -= padding;
    }
    const fault = readPacket(buffer, at, contentEnd, byteAt(buffer, at + 1), first & 0x1f, visitor);
    if (fault !== undefined) return fault;
    at = packetEnd;
  }
  return undefined;
}

function readPacket(
  buffer: Buffer,
  at: number,
  end: number,
  type: number,
  count: number,
  visitor: RtcpVisitor,
): RtcpFault | undefined {
  const body = at + RTCP_HEADER_BYTES;
  switch (type) {
    case RTCP.SENDER_REPORT: {
      const blocks = body + 4 + SENDER_INFO_BYTES;
      if (blocks + count * REPORT_BLOCK_BYTES > end) return 'overrun';
      const ssrc = uint32At(buffer, body);
      visitor.senderReport?.(
        ssrc,
        uint32At(buffer, body + 4),
        uint32At(buffer, body + 8),
        uint32At(buffer, body + 12),
        uint32At(buffer, body + 16),
        uint32At(buffer, body + 20),
      );
      readBlocks(buffer, blocks, ssrc, count, visitor);
      return undefined;
    }
    case RTCP.RECEIVER_REPORT: {
      const blocks = body + 4;
      if (blocks + count * REPORT_BLOCK_BYTES > end) return 'overrun';
      readBlocks(buffer, blocks, uint32At(buffer, body), count, visitor);
      return undefined;
    }
    case RTCP.BYE:
      if (body + 4 * count > end) return 'overrun';
      for (let i = 0; i < count; i++) visitor.bye?.(uint32At(buffer, body + 4 * i));
      return undefined;
    case RTCP.TRANSPORT_FEEDBACK:
    case RTCP.PAYLOAD_FEEDBACK:
      if (body + 8 > end) return 'overrun'; // both SSRCs
      readFeedback(buffer, body, end, type, count, visitor);
      return undefined;
    default:
      visitor.other?.(type, count);
      return undefined;
  }
}

function readBlocks(buffer: Buffer, from: number, reporter: number, count: number, visitor: RtcpVisitor): void {
  for (let i = 0; i < count; i++) {
    const at = from + i * REPORT_BLOCK_BYTES;
    const loss = uint32At(buffer, at + 4);
    visitor.receiverReport?.(
      reporter,
      uint32At(buffer, at),
      loss >>> 24,
      (loss << 8) >> 8, // signed 24 bits
      uint32At(buffer, at + 8),
      uint32At(buffer, at + 12),
      uint32At(buffer, at + 16),
      uint32At(buffer, at + 20),
    );
  }
}

/** Entries that are cut off at the end are left out. */
function readFeedback(
  buffer: Buffer,
  body: number,
  end: number,
  type: number,
  format: number,
  visitor: RtcpVisitor,
): void {
  const mediaSsrc = uint32At(buffer, body + 4);
  const entries = body + 8;
  if (type === RTCP.TRANSPORT_FEEDBACK && format === FEEDBACK.NACK) {
    for (let at = entries; at + 4 <= end; at += 4)
      visitor.nack?.(mediaSsrc, uint16At(buffer, at), uint16At(buffer, at + 2));
  } else if (type === RTCP.PAYLOAD_FEEDBACK && format === FEEDBACK.PLI) {
    visitor.pli?.(mediaSsrc);
  } else if (type === RTCP.PAYLOAD_FEEDBACK && format === FEEDBACK.FIR) {
    // RFC 5104 §4.3.1.2: the source is named in each entry, the header's field is 0
    for (let at = entries; at + 8 <= end; at += 8) visitor.fir?.(uint32At(buffer, at), byteAt(buffer, at + 4));
  } else {
    visitor.other?.(type, format);
  }
}
