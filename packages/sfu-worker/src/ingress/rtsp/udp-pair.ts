import { isIP } from 'node:net';
import { plainAddress } from '@shardcast/shared';
import type { RemoteAddress } from '../../session/datagram-socket.ts';
import { type OpenPairSocket, openNodePairSocket, type PairSocket } from './pair-socket.ts';

const ATTEMPTS = 16;

export interface UdpPairHandler {
  /** A packet in buffer[start, end), borrowed until `flush`. */
  rtp(buffer: Buffer, start: number, end: number): void;
  /** A packet in buffer[start, end), borrowed for the call. */
  rtcp(buffer: Buffer, start: number, end: number): void;
  /** The packets since the last call are a batch, as far as they came in one go. */
  flush(): void;
}

export type UdpPairOptions = {
  /** Where to listen; the wildcard address of the peer's family when it is not an IP address. */
  readonly localAddress: string;
  /** Datagrams from anywhere else are dropped and counted. */
  readonly remoteAddress: string;
  readonly handler: UdpPairHandler;
  /** Node's sockets by default. */
  readonly openSocket?: OpenPairSocket;
  /** Called once, by `close`. */
  readonly onClose?: () => void;
};

/** One of the two sockets, and where its packets go: to the announced port, later to that which packets come from. */
class Side {
  readonly socket: PairSocket;
  /** Undefined while unknown. */
  remote: RemoteAddress | undefined;
  /** The port of the first datagram is the only one from then on. */
  isLatched = false;

  constructor(socket: PairSocket) {
    this.socket = socket;
  }
}

/** Two UDP sockets for one track: RTP on an even port, RTCP on the next (RFC 3550 §11). */
export class UdpPair {
  readonly counters = { foreign: 0 };
  /** Even. */
  readonly port: number;
  readonly #rtp: Side;
  readonly #rtcp: Side;
  readonly #remoteAddress: string;
  readonly #handler: UdpPairHandler;
  readonly #onClose: (() => void) | undefined;
  #isClosed = false;

  private constructor(rtp: PairSocket, rtcp: PairSocket, { remoteAddress, handler, onClose }: UdpPairOptions) {
    this.port = rtp.port;
    this.#rtp = new Side(rtp);
    this.#rtcp = new Side(rtcp);
    this.#remoteAddress = remoteAddress;
    this.#handler = handler;
    this.#onClose = onClose;
    rtp.start({
      onDatagram: (buffer, start, end, from) => {
        if (this.#isFrom(from, this.#rtp)) handler.rtp(buffer, start, end);
      },
      onDrained: () => {
        if (!this.#isClosed) this.#handler.flush();
      },
    });
    rtcp.start({
      onDatagram: (buffer, start, end, from) => {
        if (this.#isFrom(from, this.#rtcp)) handler.rtcp(buffer, start, end);
      },
      onDrained: () => undefined,
    });
  }

  /** @returns undefined when no pair of ports is free */
  static async open(options: UdpPairOptions): Promise<UdpPair | undefined> {
    const { localAddress, remoteAddress, openSocket = openNodePairSocket } = options;
    const isV6 = isIP(remoteAddress) === 6;
    const host = isIP(localAddress) === isIP(remoteAddress) ? localAddress : isV6 ? '::' : '0.0.0.0';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const first = await openSocket(host, 0);
      if (first === undefined) continue;
      const { port } = first;
      const second = await openSocket(host, port ^ 1); // the other port of the even-odd pair
      if (second === undefined) {
        first.close();
        continue;
      }
      return port % 2 === 0 ? new UdpPair(first, second, options) : new UdpPair(second, first, options);
    }
    return undefined;
  }

  /** Where the peer says it sends from. Behind a NAT it is another port: the first datagram from its address decides. */
  expect(rtpPort: number, rtcpPort: number): void {
    this.#rtp.remote = this.#at(rtpPort);
    this.#rtcp.remote = this.#at(rtcpPort);
  }

  /** Opens the way through firewalls and NATs between here and the peer, as players do: an empty RTP and RTCP packet. */
  punch(): void {
    const rtp = Buffer.alloc(12);
    rtp[0] = 0x80;
    const receiverReport = Buffer.from([0x80, 0xc9, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00]);
    this.#send(this.#rtp, rtp);
    this.#send(this.#rtcp, receiverReport);
  }

  /** Sends an RTCP packet; borrowed until the call returns. */
  sendRtcp(packet: Buffer): void {
    this.#send(this.#rtcp, packet);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#rtp.socket.close();
    this.#rtcp.socket.close();
    this.#onClose?.();
  }

  #send({ socket, remote }: Side, packet: Buffer): void {
    if (!this.#isClosed && remote !== undefined) socket.sendWhole(packet, remote);
  }

  /** A port of 0 is none. */
  #at(port: number): RemoteAddress | undefined {
    return port === 0 ? undefined : { address: this.#remoteAddress, port };
  }

  #isFrom(from: RemoteAddress, side: Side): boolean {
    if (from === side.remote && side.isLatched) return true; // the socket knows it
    if (
      !this.#isClosed &&
      plainAddress(from.address) === this.#remoteAddress &&
      (!side.isLatched || from.port === side.remote?.port)
    ) {
      if (side.isLatched) return true;
      side.isLatched = true;
      side.remote = { address: this.#remoteAddress, port: from.port };
      side.socket.know(side.remote);
      return true;
    }
    this.counters.foreign++;
    return false;
  }
}
