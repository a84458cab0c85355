import {
  headerOf,
  parseRtspSdp,
  parseTransport,
  type RtspClientAuth,
  type RtspMedia,
  type RtspResponse,
  type RtspSessionDescription,
  resolveControl,
  type SdpFault,
  type TrackInfo,
} from '@shardcast/shared';
import type { SourceDescription, SourceSink } from '../../forward/ingest.ts';
import type { ByteConnection } from './byte-connection.ts';
import { RtspClient, RtspFailure } from './client.ts';
import { MediaTracks } from './media-tracks.ts';
import type { UdpPairs } from './udp-pairs.ts';

/** RFC 2326 §12.37. */
const DEFAULT_SESSION_TIMEOUT_S = 60;
const MIN_SESSION_TIMEOUT_S = 2;

export type PullSessionOptions = {
  /** Connected. */
  readonly connection: ByteConnection;
  /** Without user information. */
  readonly uri: string;
  readonly transports: readonly ('tcp' | 'udp')[];
  readonly auth: RtspClientAuth | undefined;
  readonly udpPairs: UdpPairs;
  /** A handler of packets or answers threw. */
  readonly onFault: (error: unknown) => void;
  /** Media is about to come: gives the sink for it. May throw a ShardcastError. */
  readonly open: (description: SourceDescription, media: MediaTracks) => SourceSink;
  readonly onLive: () => void;
  /** Called once, unless `close` came first. */
  readonly onEnd: (reason: string) => void;
};

/** One connection to a camera, from OPTIONS to TEARDOWN (RFC 2326 §10). It has no timer: its owner calls `tick`. */
export class PullSession {
  readonly #options: PullSessionOptions;
  readonly #client: RtspClient;
  readonly #media: MediaTracks;
  readonly #offered: TrackInfo[] = [];
  readonly #tracks: SourceDescription['tracks'][number][] = [];
  #lower: 'tcp' | 'udp' | undefined;
  /** What the tracks' control attributes are relative to. */
  #controlBase: string;
  /** Of PLAY, keep-alive and TEARDOWN. */
  #aggregateUri: string;
  #keepAliveMethod = 'OPTIONS';
  #keepAliveMs = (DEFAULT_SESSION_TIMEOUT_S * 1000) / 2;
  #sinceKeepAliveMs = 0;
  #idleMs = 0;
  #isSetUp = false;
  #isLive = false;
  #isEnded = false;

  constructor(options: PullSessionOptions) {
    const { connection, auth, uri, onFault } = options;
    this.#options = options;
    this.#controlBase = uri;
    this.#aggregateUri = uri;
    this.#media = new MediaTracks(connection, options.udpPairs, options.onFault);
    this.#client = new RtspClient({
      connection,
      media: this.#media,
      auth,
      onEnd: (reason) => this.#end(reason),
      onFault,
    });
  }

  /** Over which transport media comes, once that is settled. */
  get transport(): 'tcp' | 'udp' | undefined {
    return this.#lower;
  }
  /** Between keep-alives: half of what the camera allows. */
  get keepAliveMs(): number {
    return this.#keepAliveMs;
  }

  /** Asks the camera to play. Failures come as `onEnd`. */
  start(): void {
    this.#play()
      .catch((error: unknown) => {
        if (this.#isEnded) return;
        this.#end(error instanceof Error ? error.message : String(error));
      })
      .catch(this.#options.onFault);
  }

  /**
   * Once live: whether media still comes, and a keep-alive when it is time.
   * @returns whether media came since the last call
   */
  tick(elapsedMs: number, readTimeoutMs: number): boolean {
    const { hasMedia } = this.#media;
    this.#media.hasMedia = false;
    this.#idleMs = hasMedia ? 0 : this.#idleMs + elapsedMs;
    if (this.#idleMs >= readTimeoutMs) {
      this.#end(`no media for ${readTimeoutMs / 1000} s`);
      return false;
    }
    this.#sinceKeepAliveMs += elapsedMs;
    if (this.#sinceKeepAliveMs >= this.#keepAliveMs) {
      this.#sinceKeepAliveMs = 0;
      // Whether the camera is alive is seen from its media, so a refusal here means nothing.
      this.#client.request(this.#keepAliveMethod, this.#aggregateUri).catch(() => undefined);
    }
    return hasMedia;
  }

  sendRtcp(track: number, packet: Buffer): void {
    this.#media.sendRtcp(track, packet);
  }

  /** Says goodbye to the camera and closes. The sink is told only with a reason. Idempotent. */
  close(reason?: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#isSetUp) this.#client.say('TEARDOWN', this.#aggregateUri);
    this.#client.close();
    this.#media.close(reason);
  }

  #end(reason: string): void {
    if (this.#isEnded) return;
    this.close(reason);
    this.#options.onEnd(reason);
  }

  async #play(): Promise<void> {
    const description = await this.#describe();
    for (const media of description.media) {
      if (media.track === undefined) this.#offered.push(media.info);
      else await this.#setup(media);
    }
    if (this.#tracks.length === 0) {
      const reasons = this.#offered.map(({ codec, skipped }) => `${codec}: ${skipped}`).join('; ');
      throw new RtspFailure(`no track that can be forwarded (${reasons || 'no media'})`);
    }
    if (this.#lower === 'udp') this.#media.punch();
    // Frames may come in the same read as the answer, and some cameras do not even wait for that.
    this.#media.onEarly = () => this.#goLive();
    await this.#client.request('PLAY', this.#aggregateUri, [['range', 'npt=0.000-']], () => this.#goLive());
  }

  async #describe(): Promise<RtspSessionDescription> {
    const { uri } = this.#options;
    try {
      const options = await this.#client.request('OPTIONS', uri);
      if (/\bGET_PARAMETER\b/i.test(headerOf(options, 'public') ?? '')) this.#keepAliveMethod = 'GET_PARAMETER';
    } catch (error) {
      // Cameras that do not know OPTIONS play all the same.
      if (!(error instanceof RtspFailure) || error.status === undefined || error.status === 401) throw error;
    }
    const response = await this.#client.request('DESCRIBE', uri, [['accept', 'application/sdp']]);
    const description = parseRtspSdp(response.body.toString('utf8'));
    if (typeof description === 'string') throw new RtspFailure(SDP_FAULTS[description]);
    const base = [headerOf(response, 'content-base'), headerOf(response, 'content-location')].find(isAbsolute) ?? uri;
    this.#controlBase = base;
    this.#aggregateUri = resolveControl(base, description.control);
    return description;
  }

  async #setup(media: RtspMedia): Promise<void> {
    if (media.track === undefined) return;
    const uri = resolveControl(this.#controlBase, media.control);
    const wanted = this.#lower === undefined ? this.#options.transports : [this.#lower];
    for (const [attempt, lower] of wanted.entries()) {
      try {
        await this.#setupOver(lower, uri);
        this.#lower = lower;
        this.#tracks.push(media.track);
        this.#offered.push(media.info);
        return;
      } catch (error) {
        if (!(error instanceof RtspFailure) || error.status === undefined || error.status === 401) throw error;
        // 461: this transport not, perhaps the next.
        if (error.status === 461 && attempt + 1 < wanted.length) continue;
        // One track that cannot be had (a microphone that is switched off) does not cost the others.
        this.#offered.push({ ...media.info, skipped: error.message });
        return;
      }
    }
  }

  async #setupOver(lower: 'tcp' | 'udp', uri: string): Promise<void> {
    if (lower === 'tcp') {
      const first = 2 * this.#tracks.length;
      const wanted = `RTP/AVP/TCP;unicast;interleaved=${first}-${first + 1}`;
      const response = await this.#client.request('SETUP', uri, [['transport', wanted]]);
      const channels = this.#acceptSetup(response, lower)?.interleaved ?? [first, first + 1];
      this.#media.add({ lower, channels });
      for (const channel of channels) this.#client.parser.use(channel);
      return;
    }
    const transport = await this.#media.openUdp();
    if (transport === undefined) throw new RtspFailure('no UDP ports are free');
    const { pair } = transport;
    try {
      const wanted = `RTP/AVP;unicast;client_port=${pair.port}-${pair.port + 1}`;
      const response = await this.#client.request('SETUP', uri, [['transport', wanted]]);
      const serverPort = this.#acceptSetup(response, lower)?.serverPort;
      if (serverPort !== undefined) pair.expect(...serverPort);
    } catch (error) {
      pair.close();
      throw error;
    }
    this.#media.add(transport);
  }

  #acceptSetup(response: RtspResponse, lower: 'tcp' | 'udp') {
    const [id = '', ...parameters] = (headerOf(response, 'session') ?? '').split(';').map((part) => part.trim());
    if (id !== '') this.#client.session = id;
    for (const parameter of parameters) {
      const seconds = /^timeout\s*=\s*(\d{1,6})$/i.exec(parameter)?.[1];
      if (seconds !== undefined) this.#keepAliveMs = Math.max(Number(seconds), MIN_SESSION_TIMEOUT_S) * 500;
    }
    this.#isSetUp = true;
    const header = headerOf(response, 'transport');
    const [accepted] = header === undefined ? [] : parseTransport(header);
    if (header !== undefined && accepted?.lower !== lower) {
      throw new RtspFailure(`the camera answered ${lower} with another transport`, 461);
    }
    return accepted;
  }

  #goLive(): void {
    if (this.#isLive || this.#isEnded) return;
    this.#isLive = true;
    this.#media.onEarly = undefined;
    try {
      const description: SourceDescription = { type: 'rtsp-pull', tracks: this.#tracks, offered: this.#offered };
      this.#media.open(this.#options.open(description, this.#media));
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#options.onLive();
  }
}

const SDP_FAULTS = {
  'not-sdp': 'the camera describes its stream in a way that is not SDP',
  'too-many-lines': "the camera's SDP is too long",
  'too-many-media': "the camera's SDP has too many tracks",
  'bad-media-line': "the camera's SDP has a broken m= line",
} as const satisfies Record<SdpFault, string>;

function isAbsolute(uri: string | undefined): uri is string {
  return uri !== undefined && /^rtsps?:\/\//i.test(uri);
}
