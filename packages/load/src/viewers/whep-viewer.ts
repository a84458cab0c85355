import { SrtpReceiver } from '@shardcast/sfu-worker/peer';
import { PeerSocket } from '../traffic/peer-socket.ts';
import { exchange } from '../traffic/signalling.ts';
import type { Histogram } from './histogram.ts';
import { ReceiverReports } from './receiver-reports.ts';
import type { Viewer, ViewerSettings } from './viewer.ts';
import { ViewerMeter } from './viewer-meter.ts';
import { answeredCodecs, viewerOffer } from './viewer-offer.ts';

const RTP_HEADER_BYTES = 12;

/** A viewer by WHEP. */
export class WhepViewer implements Viewer {
  readonly number: number;
  readonly #settings: ViewerSettings;
  readonly #meter: ViewerMeter;
  readonly #peer: PeerSocket;
  #hangUp: (() => Promise<void>) | undefined;
  #receiver: SrtpReceiver | undefined;
  #reports: ReceiverReports | undefined;

  /**
   * @param delays as `ViewerMeter` takes it
   * @throws RefusedError, or Error for a connection that cannot be made
   */
  static async play(number: number, url: string, settings: ViewerSettings, delays: Histogram): Promise<WhepViewer> {
    const peer = await PeerSocket.open([1, 7], settings.bindAddress);
    const viewer = new WhepViewer(number, settings, delays, peer);
    try {
      await viewer.#connect(url);
      return viewer;
    } catch (error) {
      await viewer.leave();
      throw error;
    }
  }

  private constructor(number: number, settings: ViewerSettings, delays: Histogram, peer: PeerSocket) {
    this.number = number;
    this.#settings = settings;
    this.#peer = peer;
    this.#meter = new ViewerMeter(settings.hasMarks, delays, (packet, headerLength, index) =>
      this.#receiver === undefined ? -1 : this.#receiver.unprotect(packet, 0, packet.length, headerLength, index),
    );
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
    if (this.#reports === undefined) return;
    // The socket takes its own time, the bytes are the next report's.
    this.#peer.send(Buffer.from(this.#reports.write(this.#meter.wanted)));
  }

  async leave(): Promise<void> {
    const hangUp = this.#hangUp;
    this.#hangUp = undefined;
    await hangUp?.().catch(() => {});
    this.#peer.close();
  }

  async #connect(url: string): Promise<void> {
    const { authorization, localAddress, hasAudio, timeoutMs } = this.#settings;
    const signal = AbortSignal.timeout(timeoutMs);
    const offer = viewerOffer(this.#peer, localAddress, hasAudio);
    const { remote, hangUp } = await exchange(url, offer, { authorization, signal });
    this.#hangUp = hangUp;
    this.#meter.answered();
    this.#meter.codecs = answeredCodecs(remote);
    this.#peer.onMedia = (datagram) => this.#media(datagram);
    const keys = await this.#peer.connect(remote, timeoutMs);
    this.#receiver = new SrtpReceiver(keys.profile, ...keys.remote);
    this.#reports = new ReceiverReports(keys);
    this.#meter.connected();
  }

  #media(datagram: Buffer): void {
    const second = datagram[1] ?? 0;
    // RFC 5761 §4
    if (second >= 192 && second <= 223) this.#meter.counts.rtcp++;
    else if (datagram.length >= RTP_HEADER_BYTES && this.#receiver !== undefined) this.#meter.take(datagram);
  }
}
