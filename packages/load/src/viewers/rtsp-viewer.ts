import { headerOf, parseRtspSdp, type RtspHeaders, resolveControl } from '@shardcast/shared';
import { RtspConnection } from '../traffic/rtsp-connection.ts';
import { RefusedError } from '../traffic/signalling.ts';
import type { Histogram } from './histogram.ts';
import type { Viewer, ViewerSettings } from './viewer.ts';
import { ViewerMeter } from './viewer-meter.ts';
import type { AnsweredCodec } from './viewer-offer.ts';

const RTP_HEADER_BYTES = 12;
/** RFC 2326 §12.37: a session without a timeout ends after a minute of silence. */
const KEEP_ALIVE_MS = 25_000;

/** A viewer by RTSP, its media in the same connection (RFC 2326 §10.12). */
export class RtspViewer implements Viewer {
  readonly number: number;
  readonly #meter: ViewerMeter;
  readonly #connection: RtspConnection;
  #session: RtspHeaders = [];
  #aggregate = '';
  #keptAliveAtMs = performance.now();
  #hasLeft = false;

  /**
   * @param delays as `ViewerMeter` takes it
   * @throws RefusedError
   */
  static async play(number: number, url: string, settings: ViewerSettings, delays: Histogram): Promise<RtspViewer> {
    // Nothing is encrypted: a packet is plain to its end.
    const meter = new ViewerMeter(settings.hasMarks, delays, (packet) => packet.length);
    const viewer = new RtspViewer(number, meter, await RtspConnection.open(url));
    try {
      await viewer.#connect(settings.hasAudio);
      return viewer;
    } catch (error) {
      await viewer.leave();
      throw error;
    }
  }

  private constructor(number: number, meter: ViewerMeter, connection: RtspConnection) {
    this.number = number;
    this.#meter = meter;
    this.#connection = connection;
  }

  get counts() {
    return this.#meter.counts;
  }
  get joinTimes() {
    return this.#meter.joinTimes;
  }
  get silentMs() {
    return this.#meter.silentMs;
  }
  get jitterMs() {
    return this.#meter.jitterMs;
  }
  get codecs() {
    return this.#meter.codecNames;
  }

  mark(): void {
    this.#meter.mark();
  }

  report(): void {
    if (this.#session.length === 0 || performance.now() - this.#keptAliveAtMs < KEEP_ALIVE_MS) return;
    this.#keptAliveAtMs = performance.now();
    this.#connection.ask('OPTIONS', this.#aggregate, this.#session).catch(() => {});
  }

  async leave(): Promise<void> {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.#session.length > 0) {
      await this.#connection.ask('TEARDOWN', this.#aggregate, this.#session).catch(() => {});
    }
    this.#connection.socket.destroy();
  }

  async #connect(hasAudio: boolean): Promise<void> {
    const connection = this.#connection;
    const { uri, host, port } = connection.url;
    const described = await connection.ask('DESCRIBE', uri, [['accept', 'application/sdp']]);
    this.#meter.answered();
    const description = parseRtspSdp(described.body.toString());
    if (typeof description === 'string') throw new RefusedError(`${host}:${port} described no SDP`, 200);
    const base = headerOf(described, 'content-base') ?? uri;
    this.#aggregate = resolveControl(base, description.control);
    const codecs = new Map<number, AnsweredCodec>();
    let channel = 0;
    for (const { track, control } of description.media) {
      if (track === undefined || (track.kind === 'audio' && !hasAudio)) continue;
      const { name, clockRate } = track.codec;
      codecs.set(track.payloadType, { name, codec: name, clockRate });
      connection.use(channel, (packet) => this.#media(packet));
      connection.use(channel + 1, () => {
        this.#meter.counts.rtcp++;
      });
      const transport = `RTP/AVP/TCP;unicast;interleaved=${channel}-${channel + 1}`;
      const trackUri = resolveControl(base, control);
      const setup = await connection.ask('SETUP', trackUri, [['transport', transport], ...this.#session]);
      this.#session = [['session', RtspConnection.sessionOf(setup)]];
      channel += 2;
    }
    if (channel === 0) throw new RefusedError(`${host}:${port} has no stream in a codec that can be measured`, 200);
    this.#meter.codecs = codecs;
    await connection.ask('PLAY', this.#aggregate, [...this.#session, ['range', 'npt=0.000-']]);
    this.#meter.connected();
  }

  #media(packet: Buffer): void {
    if (packet.length >= RTP_HEADER_BYTES) this.#meter.take(packet);
  }
}
