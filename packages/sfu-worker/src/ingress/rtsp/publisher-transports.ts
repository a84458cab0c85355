import type { RtspTransport } from '@shardcast/shared';
import type { ByteConnection } from './byte-connection.ts';
import type { InterleavedParser } from './interleaved.ts';
import type { MediaTracks, TrackTransport } from './media-tracks.ts';
import { UdpPair } from './udp-pair.ts';

/** A transport that was set up, and the track that its packets go to once recording begins. */
type Prepared = { readonly transport: TrackTransport; track: number };
const NO_TRACK = -1;

/** The transports of one publisher, by the index of their m-line. */
export class PublisherTransports {
  readonly #connection: ByteConnection;
  readonly #media: MediaTracks;
  readonly #parser: InterleavedParser;
  readonly #prepared = new Map<number, Prepared>();
  readonly #channels = new Set<number>();
  #tracks = 0;
  #isClosed = false;

  constructor(connection: ByteConnection, media: MediaTracks, parser: InterleavedParser) {
    this.#connection = connection;
    this.#media = media;
    this.#parser = parser;
  }

  has(media: number): boolean {
    return this.#prepared.has(media);
  }

  /** `tcp`, `udp` or both: for the log. */
  get summary(): string {
    return [...new Set(Array.from(this.#prepared.values(), ({ transport }) => transport.lower))].join('+');
  }

  /** @returns the Transport header of the answer; undefined when it cannot be had. Rejects when no UDP ports are free. */
  setup(media: number, wanted: RtspTransport): string | undefined | Promise<string> {
    return wanted.lower === 'tcp' ? this.#setupTcp(media, wanted) : this.#setupUdp(media, wanted);
  }

  /** Gives the transport of that m-line the next track number; false when it was not set up. */
  start(media: number): boolean {
    const prepared = this.#prepared.get(media);
    if (prepared === undefined || prepared.track !== NO_TRACK) return false;
    prepared.track = this.#tracks++;
    this.#media.add(prepared.transport);
    const { transport } = prepared;
    if (transport.lower === 'tcp') for (const channel of transport.channels) this.#parser.use(channel);
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const { transport } of this.#prepared.values()) if (transport.lower === 'udp') transport.pair.close();
  }

  #setupTcp(media: number, { interleaved }: RtspTransport): string | undefined {
    let channels = interleaved;
    if (channels === undefined || channels.some((channel) => this.#channels.has(channel)))
      channels = this.#freeChannels();
    if (channels === undefined) return undefined;
    for (const channel of channels) this.#channels.add(channel);
    this.#prepared.set(media, { transport: { lower: 'tcp', channels }, track: NO_TRACK });
    return `RTP/AVP/TCP;unicast;interleaved=${channels.join('-')};mode=record`;
  }

  #freeChannels(): readonly [number, number] | undefined {
    for (let first = 0; first < 256; first += 2) {
      if (!this.#channels.has(first) && !this.#channels.has(first + 1)) return [first, first + 1];
    }
    return undefined;
  }

  #setupUdp(media: number, { clientPort }: RtspTransport): undefined | Promise<string> {
    return clientPort === undefined ? undefined : this.#openUdp(media, clientPort);
  }

  async #openUdp(media: number, clientPort: readonly [number, number]): Promise<string> {
    const { localAddress, remoteAddress } = this.#connection;
    let prepared: Prepared | undefined;
    const track = () => prepared?.track ?? NO_TRACK;
    const pair = await UdpPair.open({
      localAddress,
      remoteAddress,
      handler: {
        rtp: (packet) => this.#media.rtp(track(), packet, 0, packet.length),
        rtcp: (packet) => this.#media.rtcp(track(), packet, 0, packet.length),
        flush: () => this.#media.flush(),
      },
    });
    if (this.#isClosed) pair.close();
    pair.expect(...clientPort);
    prepared = { transport: { lower: 'udp', pair }, track: NO_TRACK };
    this.#prepared.set(media, prepared);
    const ports = `client_port=${clientPort.join('-')};server_port=${pair.port}-${pair.port + 1}`;
    return `RTP/AVP/UDP;unicast;${ports};mode=record`;
  }
}
