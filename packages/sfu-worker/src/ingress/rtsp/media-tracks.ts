import type { SourceSink } from '../../forward/ingest.ts';
import type { ByteConnection } from './byte-connection.ts';
import { INTERLEAVED_HEADER_BYTES } from './interleaved.ts';
import type { UdpPair } from './udp-pair.ts';
import type { UdpPairs } from './udp-pairs.ts';

/** How the packets of one track come: channels of the RTSP connection, or a pair of UDP ports. */
export type TrackTransport =
  | { readonly lower: 'tcp'; readonly channels: readonly [rtp: number, rtcp: number] }
  | {
      readonly lower: 'udp';
      readonly pair: UdpPair;
      /** Set by `MediaTracks.add`; packets are dropped before. */
      track: number;
    };

const UNUSED = -1;

/**
 * Where the packets of an RTSP source go: from channel or port to the sink's track. One branch and one array look-up a
 * packet.
 */
export class MediaTracks {
  /** A packet of media came since this was last cleared: the watchdog's question. */
  hasMedia = false;
  /** Packets are dropped meanwhile. */
  isPaused = false;
  /** A packet of media came, and there is no sink for it yet. */
  onEarly: (() => void) | undefined;
  readonly #connection: ByteConnection;
  readonly #udpPairs: UdpPairs;
  readonly #onFault: (error: unknown) => void;
  readonly #transports: TrackTransport[] = [];
  /** Track times two, plus one for RTCP, by channel. */
  readonly #byChannel = new Int16Array(256).fill(UNUSED);
  #sink: SourceSink | undefined;
  #isClosed = false;

  /** @param onFault gets what a handler of UDP packets throws */
  constructor(connection: ByteConnection, udpPairs: UdpPairs, onFault: (error: unknown) => void) {
    this.#onFault = onFault;
    this.#connection = connection;
    this.#udpPairs = udpPairs;
  }

  /** Ports of our own for one track; undefined when none are free. */
  async openUdp(): Promise<Extract<TrackTransport, { lower: 'udp' }> | undefined> {
    const { localAddress, remoteAddress } = this.#connection;
    const target = { track: UNUSED };
    const pair = await this.#udpPairs.open({
      localAddress,
      remoteAddress,
      handler: {
        rtp: (buffer, start, end) => {
          try {
            this.rtp(target.track, buffer, start, end);
          } catch (error) {
            this.#onFault(error);
          }
        },
        rtcp: (buffer, start, end) => {
          try {
            this.rtcp(target.track, buffer, start, end);
          } catch (error) {
            this.#onFault(error);
          }
        },
        flush: () => {
          try {
            this.flush();
          } catch (error) {
            this.#onFault(error);
          }
        },
      },
    });
    if (pair === undefined) return undefined;
    if (this.#isClosed) pair.close();
    return Object.assign(target, { lower: 'udp' as const, pair });
  }

  /** Tracks are numbered as the source's description numbers them, in the order of this call. */
  add(transport: TrackTransport): void {
    const track = this.#transports.push(transport) - 1;
    if (transport.lower === 'udp') {
      transport.track = track;
      return;
    }
    this.#byChannel[transport.channels[0]] = 2 * track;
    this.#byChannel[transport.channels[1]] = 2 * track + 1;
  }

  /** Packets are dropped until then. */
  open(sink: SourceSink): void {
    this.#sink = sink;
  }

  frame(channel: number, buffer: Buffer, start: number, end: number): void {
    const target = this.#byChannel[channel] ?? UNUSED;
    if (target === UNUSED) return;
    if ((target & 1) === 0) this.rtp(target >> 1, buffer, start, end);
    else this.rtcp(target >> 1, buffer, start, end);
  }

  rtp(track: number, buffer: Buffer, start: number, end: number): void {
    if (this.#sink === undefined) this.onEarly?.();
    const sink = this.#sink?.tracks[track];
    if (sink === undefined || this.isPaused) return;
    this.hasMedia = true;
    sink.receive(buffer, start, end);
  }

  rtcp(track: number, buffer: Buffer, start: number, end: number): void {
    this.#sink?.tracks[track]?.receiveRtcp(buffer, start, end);
  }

  flush(): void {
    this.#sink?.flush();
  }

  /** See `UdpPair.punch`. */
  punch(): void {
    for (const transport of this.#transports) if (transport.lower === 'udp') transport.pair.punch();
  }

  /** Sends an RTCP packet to the source; borrowed until the call returns. */
  sendRtcp(track: number, packet: Buffer): void {
    const transport = this.#transports[track];
    if (transport === undefined) return;
    if (transport.lower === 'udp') {
      transport.pair.sendRtcp(packet);
      return;
    }
    const frame = Buffer.allocUnsafe(INTERLEAVED_HEADER_BYTES + packet.length);
    frame[0] = 0x24;
    frame[1] = transport.channels[1];
    frame.writeUInt16BE(packet.length, 2);
    packet.copy(frame, INTERLEAVED_HEADER_BYTES);
    this.#connection.write(frame);
  }

  /** Closes the UDP ports. The sink is told only with a reason. */
  close(reason?: string): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#isClosed = true;
    for (const transport of this.#transports) if (transport.lower === 'udp') transport.pair.close();
    if (reason !== undefined) sink?.close(reason);
  }
}
