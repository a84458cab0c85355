import { FRAME, inspectorFor, SrtpReceiver } from '@shardcast/sfu-worker/peer';
import { MarkCheck } from '../traffic/mark-check.ts';
import { type PeerKeys, PeerSocket } from '../traffic/peer-socket.ts';
import { exchange } from '../traffic/signalling.ts';
import type { Histogram } from './histogram.ts';
import { ReceiverReports } from './receiver-reports.ts';
import { type Counts, noCounts, StreamMeter } from './stream-meter.ts';
import { type AnsweredCodec, answeredCodecs, viewerOffer } from './viewer-offer.ts';

/** What a thread's viewers have in common. */
export type ViewerSettings = {
  /** Header of requests to the server; a URL's user information is taken without it. */
  readonly authorization: string | undefined;
  /** Bound by viewers, `0.0.0.0` or `::`. */
  readonly bindAddress: string;
  /** Offered. */
  readonly localAddress: string;
  /** Offers audio too. */
  readonly hasAudio: boolean;
  /** The streams are our own cameras': their packets say when they were sent. */
  readonly hasMarks: boolean;
  /** From the offer to keys, ms. */
  readonly timeoutMs: number;
};

/** How long what took, from the moment of the offer, ms; undefined for what has not been. */
export type JoinTimes = {
  readonly answerMs: number;
  readonly connectedMs: number;
  readonly firstPacketMs: number | undefined;
  /** Of video, or of audio where there is no video. */
  readonly firstKeyframeMs: number | undefined;
};

/** What came before this is the server's help to catch up: it says nothing of delays. */
const SETTLING_MS = 1000;
/** Of frames' last packets, one in so many is decrypted and checked. */
const CHECKED_ONE_IN = 2;

type Track = {
  readonly meter: StreamMeter;
  readonly codec: AnsweredCodec;
  readonly isVideo: boolean;
  readonly marks: MarkCheck;
  hasKeyframe: boolean;
  frames: number;
};

/** A viewer by WHEP that measures what it gets: all packets by their headers, some by their content. */
export class MeasuredViewer {
  readonly number: number;
  readonly counts: Counts = noCounts();
  readonly #settings: ViewerSettings;
  readonly #delays: Histogram;
  readonly #peer: PeerSocket;
  readonly #tracks = new Map<number, Track>();
  #codecs: ReadonlyMap<number, AnsweredCodec> = new Map();
  #hangUp: (() => Promise<void>) | undefined;
  #receiver: SrtpReceiver | undefined;
  #reports: ReceiverReports | undefined;
  #askedAtMs = 0;
  #answerMs = 0;
  #connectedMs = 0;
  #firstPacketMs: number | undefined;
  #lastPacketAtMs = Number.NEGATIVE_INFINITY;
  #firstKeyframeMs: number | undefined;

  /**
   * @param delays gets the delay of every frame that is measured, ms: latency where there are marks
   * @throws RefusedError, or Error for a connection that cannot be made
   */
  static async play(number: number, url: string, settings: ViewerSettings, delays: Histogram): Promise<MeasuredViewer> {
    const peer = await PeerSocket.open([1, 7], settings.bindAddress);
    const viewer = new MeasuredViewer(number, settings, delays, peer);
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
    this.#delays = delays;
    this.#peer = peer;
  }

  get joinTimes(): JoinTimes {
    return {
      answerMs: this.#answerMs,
      connectedMs: this.#connectedMs,
      firstPacketMs: this.#firstPacketMs,
      firstKeyframeMs: this.#firstKeyframeMs,
    };
  }

  /** Since the last packet, ms; infinite when there was none. */
  get silentMs(): number {
    return performance.now() - this.#lastPacketAtMs;
  }

  /** The worst of its streams, ms. */
  get jitterMs(): number {
    let worst = 0;
    for (const { meter } of this.#tracks.values()) worst = Math.max(worst, meter.jitterMs);
    return worst;
  }

  /** Names of the codecs that came, each once. */
  get codecs(): readonly string[] {
    return [...new Set([...this.#tracks.values()].map(({ codec }) => codec.name))].toSorted();
  }

  /** A measured window begins. */
  mark(): void {
    for (const { meter } of this.#tracks.values()) meter.forgetFastest();
  }

  /** A few seconds went by: says that it is there, and asks for a keyframe where one is missing. */
  report(): void {
    if (this.#reports === undefined) return;
    let wanted: number | undefined;
    for (const [ssrc, { isVideo, hasKeyframe }] of this.#tracks) if (isVideo && !hasKeyframe) wanted = ssrc;
    // The socket takes its own time, the bytes are the next report's.
    this.#peer.send(Buffer.from(this.#reports.write(wanted)));
  }

  /** Ends the session on the server, if there is one. Idempotent. */
  async leave(): Promise<void> {
    const hangUp = this.#hangUp;
    this.#hangUp = undefined;
    await hangUp?.().catch(() => {});
    this.#peer.close();
  }

  async #connect(url: string): Promise<void> {
    const { authorization, localAddress, hasAudio, timeoutMs } = this.#settings;
    this.#askedAtMs = performance.now();
    const signal = AbortSignal.timeout(timeoutMs);
    const offer = viewerOffer(this.#peer, localAddress, hasAudio);
    const { remote, hangUp } = await exchange(url, offer, { authorization, signal });
    this.#hangUp = hangUp;
    this.#answerMs = this.#sinceAskedMs();
    this.#codecs = answeredCodecs(remote);
    this.#peer.onMedia = (datagram) => this.#media(datagram);
    const keys: PeerKeys = await this.#peer.connect(remote, timeoutMs);
    this.#receiver = new SrtpReceiver(keys.profile, ...keys.remote);
    this.#reports = new ReceiverReports(keys);
    this.#connectedMs = this.#sinceAskedMs();
  }

  #sinceAskedMs(): number {
    return performance.now() - this.#askedAtMs;
  }

  #media(datagram: Buffer): void {
    const second = datagram[1] ?? 0;
    // RFC 5761 §4
    if (second >= 192 && second <= 223) {
      this.counts.rtcp++;
      return;
    }
    if (datagram.length < 12 || this.#receiver === undefined) return;
    const ssrc = datagram.readUInt32BE(8);
    const track = this.#tracks.get(ssrc) ?? this.#begin(ssrc, second & 0x7f);
    if (track === undefined) return;
    const arrivalMs = performance.now();
    this.#firstPacketMs ??= arrivalMs - this.#askedAtMs;
    this.#lastPacketAtMs = arrivalMs;
    const { meter } = track;
    const index = meter.take(datagram.readUInt16BE(2), datagram.readUInt32BE(4), datagram.length, arrivalMs);
    if (index < 0) return;
    const isSettled = arrivalMs - this.#askedAtMs > this.#firstPacketMs + SETTLING_MS;
    const isFrameEnd = track.isVideo && (second & 0x80) !== 0;
    if (isFrameEnd && isSettled && !this.#settings.hasMarks) this.#delays.add(meter.delayMs);
    const isChecked = isFrameEnd && track.frames++ % CHECKED_ONE_IN === 0;
    if (!track.hasKeyframe || isChecked) this.#open(this.#receiver, track, datagram, index, isFrameEnd && isSettled);
  }

  #begin(ssrc: number, payloadType: number): Track | undefined {
    const codec = this.#codecs.get(payloadType);
    if (codec === undefined) return undefined;
    const track = {
      meter: new StreamMeter(this.counts, codec.clockRate),
      codec,
      isVideo: codec.clockRate === 90_000,
      marks: new MarkCheck(),
      hasKeyframe: false,
      frames: 0,
    };
    this.#tracks.set(ssrc, track);
    return track;
  }

  #open(receiver: SrtpReceiver, track: Track, datagram: Buffer, index: number, isMeasured: boolean): void {
    const headerLength = headerLengthOf(datagram);
    const end = receiver.unprotect(datagram, 0, datagram.length, headerLength, index);
    if (end < 0) {
      this.counts.bad++;
      return;
    }
    if (!track.hasKeyframe) {
      const { codec } = track.codec;
      const flags = codec === undefined ? 0 : inspectorFor(codec)(datagram, headerLength, end);
      if ((flags & FRAME.KEYFRAME_START) !== 0) {
        track.hasKeyframe = true;
        // A video's, should there be audio as well.
        if (track.isVideo || this.#firstKeyframeMs === undefined) this.#firstKeyframeMs = this.#sinceAskedMs();
      }
    }
    if (!this.#settings.hasMarks || !track.isVideo) return;
    const verdict = track.marks.check(datagram, headerLength, end, index);
    if (verdict === 'wrong') this.counts.bad++;
    if (verdict === 'right' && isMeasured) this.#delays.add(track.marks.latencyMs);
  }
}

/** RFC 3550 §5.1: fixed part, contributing sources, extension. At most the packet's length. */
function headerLengthOf(packet: Buffer): number {
  const first = packet[0] ?? 0;
  let length = 12 + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0 && packet.length >= length + 4) length += 4 + 4 * packet.readUInt16BE(length + 2);
  return Math.min(length, packet.length);
}
