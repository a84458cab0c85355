import type { RtspTransport } from '@shardcast/shared';
import type { InterleavedParser } from './interleaved.ts';
import type { MediaTracks, TrackTransport } from './media-tracks.ts';

type UdpTransport = Extract<TrackTransport, { lower: 'udp' }>;

/** The transports of one publisher, by the index of their m-line. */
export class PublisherTransports {
  readonly #media: MediaTracks;
  readonly #parser: InterleavedParser;
  readonly #prepared = new Map<number, TrackTransport>();
  readonly #channels = new Set<number>();
  /** Where the UDP packets of all skipped tracks go, to be dropped. */
  #drain: UdpTransport | undefined;
  #isClosed = false;

  constructor(media: MediaTracks, parser: InterleavedParser) {
    this.#media = media;
    this.#parser = parser;
  }

  has(media: number): boolean {
    return this.#prepared.has(media);
  }

  /** `tcp`, `udp` or both: for the log. */
  get summary(): string {
    return [...new Set(Array.from(this.#prepared.values(), ({ lower }) => lower))].join('+');
  }

  /**
   * @param isSkipped nothing is forwarded of this m-line, but clients want an answer for each
   * @returns the Transport header of the answer; undefined when it cannot be had, or, late, when no UDP ports are free.
   */
  setup(media: number, wanted: RtspTransport, isSkipped: boolean): string | undefined | Promise<string | undefined> {
    if (wanted.lower === 'tcp') return this.#setupTcp(media, wanted);
    return wanted.clientPort === undefined ? undefined : this.#setupUdp(media, wanted.clientPort, isSkipped);
  }

  /** Gives the transport of that m-line the next track number; false when it was not set up. */
  start(media: number): boolean {
    const transport = this.#prepared.get(media);
    if (transport === undefined) return false;
    this.#media.add(transport);
    if (transport.lower === 'tcp') for (const channel of transport.channels) this.#parser.use(channel);
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const transport of this.#prepared.values()) if (transport.lower === 'udp') transport.pair.close();
  }

  #setupTcp(media: number, { interleaved }: RtspTransport): string | undefined {
    let channels = interleaved;
    if (channels === undefined || channels.some((channel) => this.#channels.has(channel)))
      channels = this.#freeChannels();
    if (channels === undefined) return undefined;
    for (const channel of channels) this.#channels.add(channel);
    this.#prepared.set(media, { lower: 'tcp', channels });
    return `RTP/AVP/TCP;unicast;interleaved=${channels.join('-')};mode=record`;
  }

  #freeChannels(): readonly [number, number] | undefined {
    for (let first = 0; first < 256; first += 2) {
      if (!this.#channels.has(first) && !this.#channels.has(first + 1)) return [first, first + 1];
    }
    return undefined;
  }

  async #setupUdp(
    media: number,
    clientPort: readonly [number, number],
    isSkipped: boolean,
  ): Promise<string | undefined> {
    const transport = (isSkipped ? this.#drain : undefined) ?? (await this.#media.openUdp());
    if (transport === undefined) return undefined;
    const { pair } = transport;
    if (this.#isClosed) pair.close();
    if (isSkipped) this.#drain = transport;
    else pair.expect(...clientPort);
    this.#prepared.set(media, transport);
    const ports = `client_port=${clientPort.join('-')};server_port=${pair.port}-${pair.port + 1}`;
    return `RTP/AVP/UDP;unicast;${ports};mode=record`;
  }
}
