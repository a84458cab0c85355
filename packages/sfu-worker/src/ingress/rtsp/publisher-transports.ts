import type { RtspTransport } from '@shardcast/shared';
import type { InterleavedParser } from './interleaved.ts';
import type { MediaTracks, TrackTransport } from './media-tracks.ts';

/** The transports of one publisher, by the index of their m-line. */
export class PublisherTransports {
  readonly #media: MediaTracks;
  readonly #parser: InterleavedParser;
  readonly #prepared = new Map<number, TrackTransport>();
  readonly #channels = new Set<number>();
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

  /** @returns the Transport header of the answer; undefined when it cannot be had. Rejects when no UDP ports are free. */
  setup(media: number, wanted: RtspTransport): string | undefined | Promise<string> {
    return wanted.lower === 'tcp' ? this.#setupTcp(media, wanted) : this.#setupUdp(media, wanted);
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

  #setupUdp(media: number, { clientPort }: RtspTransport): undefined | Promise<string> {
    return clientPort === undefined ? undefined : this.#openUdp(media, clientPort);
  }

  async #openUdp(media: number, clientPort: readonly [number, number]): Promise<string> {
    const transport = await this.#media.openUdp();
    const { pair } = transport;
    if (this.#isClosed) pair.close();
    pair.expect(...clientPort);
    this.#prepared.set(media, transport);
    const ports = `client_port=${clientPort.join('-')};server_port=${pair.port}-${pair.port + 1}`;
    return `RTP/AVP/UDP;unicast;${ports};mode=record`;
  }
}
