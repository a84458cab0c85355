import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { plainAddress } from './byte-connection.ts';

/** What the kernel may hold for us: a keyframe of a 4K camera arrives as one burst. Linux caps it at `rmem_max`. */
const RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024;
const ATTEMPTS = 16;

export interface UdpPairHandler {
  rtp(packet: Buffer): void;
  rtcp(packet: Buffer): void;
  /** The packets since the last call are a batch, as far as they came in one go. */
  flush(): void;
}

export type UdpPairOptions = {
  /** Where to listen; the wildcard address of the peer's family when it is not an IP address. */
  readonly localAddress: string;
  /** Datagrams from anywhere else are dropped and counted. */
  readonly remoteAddress: string;
  readonly handler: UdpPairHandler;
  /** Called once, by `close`. */
  readonly onClose?: () => void;
};

/** Two UDP sockets for one track: RTP on an even port, RTCP on the next (RFC 3550 §11). */
export class UdpPair {
  readonly counters = { foreign: 0 };
  /** Even. */
  readonly port: number;
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  readonly #remoteAddress: string;
  readonly #handler: UdpPairHandler;
  readonly #onClose: (() => void) | undefined;
  /** Where packets go: the announced ports, later those that packets come from. 0 while unknown. */
  #remoteRtpPort = 0;
  #remoteRtcpPort = 0;
  /** The port of the first datagram is the only one from then on. */
  #isRtpLatched = false;
  #isRtcpLatched = false;
  #flushing: NodeJS.Immediate | undefined;
  #isClosed = false;

  private constructor(port: number, rtp: Socket, rtcp: Socket, { remoteAddress, handler, onClose }: UdpPairOptions) {
    this.port = port;
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#remoteAddress = remoteAddress;
    this.#handler = handler;
    this.#onClose = onClose;
    rtp.on('message', (packet, from) => {
      if (!this.#isFrom(from, this.#isRtpLatched, this.#remoteRtpPort)) return;
      this.#isRtpLatched = true;
      this.#remoteRtpPort = from.port;
      handler.rtp(packet);
      this.#flushSoon();
    });
    rtcp.on('message', (packet, from) => {
      if (!this.#isFrom(from, this.#isRtcpLatched, this.#remoteRtcpPort)) return;
      this.#isRtcpLatched = true;
      this.#remoteRtcpPort = from.port;
      handler.rtcp(packet);
    });
  }

  /** @returns undefined when no pair of ports is free */
  static async open(options: UdpPairOptions): Promise<UdpPair | undefined> {
    const { localAddress, remoteAddress } = options;
    const isV6 = isIP(remoteAddress) === 6;
    const host = isIP(localAddress) === isIP(remoteAddress) ? localAddress : isV6 ? '::' : '0.0.0.0';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const first = await bind(host, 0, isV6);
      if (first === undefined) continue;
      const { port } = first.address();
      const second = await bind(host, port ^ 1, isV6); // the other port of the even-odd pair
      if (second === undefined) {
        first.close();
        continue;
      }
      return port % 2 === 0 ? new UdpPair(port, first, second, options) : new UdpPair(port - 1, second, first, options);
    }
    return undefined;
  }

  /** Where the peer says it sends from. Behind a NAT it is another port: the first datagram from its address decides. */
  expect(rtpPort: number, rtcpPort: number): void {
    this.#remoteRtpPort = rtpPort;
    this.#remoteRtcpPort = rtcpPort;
  }

  /** Opens the way through firewalls and NATs between here and the peer, as players do: an empty RTP and RTCP packet. */
  punch(): void {
    const rtp = Buffer.alloc(12);
    rtp[0] = 0x80;
    const receiverReport = Buffer.from([0x80, 0xc9, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00]);
    this.#send(this.#rtp, rtp, this.#remoteRtpPort);
    this.#send(this.#rtcp, receiverReport, this.#remoteRtcpPort);
  }

  /** Sends an RTCP packet; borrowed until the call returns. */
  sendRtcp(packet: Buffer): void {
    this.#send(this.#rtcp, Buffer.from(packet), this.#remoteRtcpPort);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#flushing !== undefined) clearImmediate(this.#flushing);
    this.#rtp.close();
    this.#rtcp.close();
    this.#onClose?.();
  }

  #send(socket: Socket, packet: Buffer, port: number): void {
    if (this.#isClosed || port === 0) return;
    socket.send(packet, port, this.#remoteAddress, () => undefined); // an error means no more than a lost packet
  }

  #isFrom(from: RemoteInfo, isLatched: boolean, port: number): boolean {
    if (!this.#isClosed && plainAddress(from.address) === this.#remoteAddress && (!isLatched || from.port === port)) {
      return true;
    }
    this.counters.foreign++;
    return false;
  }

  #flushSoon(): void {
    // Datagrams that wait in the socket are read in one turn of the loop, and the immediate runs after them.
    this.#flushing ??= setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = undefined;
    if (!this.#isClosed) this.#handler.flush();
  };
}

function bind(address: string, port: number, isV6: boolean): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isV6 ? 'udp6' : 'udp4');
    let isBound = false;
    socket.on('error', () => {
      // Once bound: such as ICMP's port unreachable. Whether media comes is the watchdog's matter.
      if (isBound) return;
      socket.close();
      resolve(undefined);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      isBound = true;
      try {
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
      } catch {
        // A system with a lower limit keeps its own size.
      }
      resolve(socket);
    });
  });
}
