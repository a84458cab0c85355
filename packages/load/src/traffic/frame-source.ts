import type { Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import { SrtpSender } from '@shardcast/sfu-worker/peer';
import { FrameWriter, nowMs, PACKET_BYTES, PACKETS_OF_FRAME } from './packets.ts';
import type { PeerKeys } from './peer-socket.ts';

/** A server that leaves this much unread is behind by seconds: a live camera skips frames then. */
const MAX_UNSENT_BYTES = 1_000_000;
const SRTP_TAG_BYTES = 16;

/** How a camera gets its frames out. */
export type FrameCarrier = {
  /** False when this frame must be skipped. */
  readonly isFree: () => boolean;
  /** Takes `bytes`, interleaved frames, and owns them. */
  readonly carry: (bytes: Buffer) => void;
};

/** A camera's frames, one at a time on demand. */
export class FrameSource {
  readonly #carrier: FrameCarrier;
  readonly #writer: FrameWriter;
  readonly #out: Buffer;
  /** RTP packets of skipped frames. */
  skippedPackets = 0;

  /** @param packetsOfFrame as `FrameWriter` takes it */
  constructor(carrier: FrameCarrier, ordinal: number, packetsOfFrame = PACKETS_OF_FRAME) {
    this.#carrier = carrier;
    this.#out = Buffer.allocUnsafeSlow((Math.max(...packetsOfFrame) + 3) * (PACKET_BYTES + 4));
    // The phase differs, so that not all cameras send their keyframes at once.
    this.#writer = new FrameWriter(0x1000 + ordinal, ordinal * 7, packetsOfFrame);
  }

  /** Marked packets written so far, those of skipped frames included: a viewer misses them. */
  get packets(): number {
    return this.#writer.packets;
  }

  /** As `packets`, with the parameter sets. */
  get rtpPackets(): number {
    return this.#writer.rtpPackets;
  }

  /** From now on, so that whoever joins gets one frame and not many. */
  sendOnlyKeyframes(): void {
    this.#writer.framesPerGop = 1;
  }

  send(): void {
    const before = this.rtpPackets;
    const bytes = this.#writer.write(this.#out, nowMs());
    if (this.#carrier.isFree()) this.#carrier.carry(Buffer.from(this.#out.subarray(0, bytes)));
    else this.skippedPackets += this.rtpPackets - before;
  }
}

/** Interleaved in an RTSP connection, one write a frame. */
export function overTcp(socket: Socket): FrameCarrier {
  return {
    isFree: () => socket.writableLength <= MAX_UNSENT_BYTES,
    carry: (bytes) => void socket.write(bytes),
  };
}

/** Plain RTP, a datagram a packet. */
export function overUdp(socket: UdpSocket, port: number, address: string): FrameCarrier {
  return {
    isFree: () => true,
    carry: (bytes) => eachPacket(bytes, (start, end) => socket.send(bytes, start, end - start, port, address)),
  };
}

/** SRTP, a datagram a packet. */
export function overSrtp(keys: PeerKeys, send: (datagram: Buffer) => void): FrameCarrier {
  const sender = new SrtpSender(keys.profile, ...keys.local);
  let rollovers = 0;
  let last = -1;
  return {
    isFree: () => true,
    carry: (bytes) =>
      eachPacket(bytes, (start, end) => {
        const datagram = Buffer.allocUnsafeSlow(end - start + SRTP_TAG_BYTES);
        bytes.copy(datagram, 0, start, end);
        const sequence = datagram.readUInt16BE(2);
        if (sequence < last) rollovers++;
        last = sequence;
        const length = sender.protect(datagram, 0, 12, end - start, rollovers * 0x1_0000 + sequence);
        send(datagram.subarray(0, length));
      }),
  };
}

function eachPacket(interleaved: Buffer, visit: (start: number, end: number) => void): void {
  for (let at = 0; at < interleaved.length; ) {
    const end = at + 4 + interleaved.readUInt16BE(at + 2);
    visit(at + 4, end);
    at = end;
  }
}
