import { FRAME, inspectorFor } from '@shardcast/sfu-worker/peer';
import { MarkCheck } from '../traffic/mark-check.ts';
import type { Histogram } from './histogram.ts';
import { type Counts, noCounts, StreamMeter } from './stream-meter.ts';
import type { JoinTimes } from './viewer.ts';
import type { AnsweredCodec } from './viewer-offer.ts';

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

/**
 * Makes an RTP packet plain, in place.
 * @returns its end; -1 when it is forged or damaged
 */
export type Open = (packet: Buffer, headerLength: number, index: number) => number;

/** What a viewer measures of the packets that come, whatever way they come: all by their headers, some by their content. */
export class ViewerMeter {
  readonly counts: Counts = noCounts();
  /** By payload type. */
  codecs: ReadonlyMap<number, AnsweredCodec> = new Map();
  readonly #hasMarks: boolean;
  readonly #delays: Histogram;
  readonly #open: Open;
  readonly #tracks = new Map<number, Track>();
  readonly #askedAtMs = performance.now();
  #answerMs = 0;
  #connectedMs = 0;
  #firstPacketMs: number | undefined;
  #lastPacketAtMs = Number.NEGATIVE_INFINITY;
  #firstKeyframeMs: number | undefined;

  /**
   * Times count from here.
   * @param hasMarks the streams are our own cameras'
   * @param delays gets the delay of every frame that is measured, ms: latency where there are marks
   */
  constructor(hasMarks: boolean, delays: Histogram, open: Open) {
    this.#hasMarks = hasMarks;
    this.#delays = delays;
    this.#open = open;
  }

  get joinTimes(): JoinTimes {
    return {
      answerMs: this.#answerMs,
      connectedMs: this.#connectedMs,
      firstPacketMs: this.#firstPacketMs,
      firstKeyframeMs: this.#firstKeyframeMs,
    };
  }

  get silentMs(): number {
    return performance.now() - this.#lastPacketAtMs;
  }

  get jitterMs(): number {
    let worst = 0;
    for (const { meter } of this.#tracks.values()) worst = Math.max(worst, meter.jitterMs);
    return worst;
  }

  get codecNames(): readonly string[] {
    return [...new Set([...this.#tracks.values()].map(({ codec }) => codec.name))].toSorted();
  }

  /** SSRC of a video that has had no keyframe yet. */
  get wanted(): number | undefined {
    let wanted: number | undefined;
    for (const [ssrc, { isVideo, hasKeyframe }] of this.#tracks) if (isVideo && !hasKeyframe) wanted = ssrc;
    return wanted;
  }

  answered(): void {
    this.#answerMs = this.#sinceAskedMs();
  }

  connected(): void {
    this.#connectedMs = this.#sinceAskedMs();
  }

  mark(): void {
    for (const { meter } of this.#tracks.values()) meter.forgetFastest();
  }

  /** Takes an RTP packet with a whole header, which `Open` may change. */
  take(packet: Buffer): void {
    const second = packet[1] ?? 0;
    const ssrc = packet.readUInt32BE(8);
    const track = this.#tracks.get(ssrc) ?? this.#begin(ssrc, second & 0x7f);
    if (track === undefined) return;
    const arrivalMs = performance.now();
    this.#firstPacketMs ??= arrivalMs - this.#askedAtMs;
    this.#lastPacketAtMs = arrivalMs;
    const { meter } = track;
    const index = meter.take(packet.readUInt16BE(2), packet.readUInt32BE(4), packet.length, arrivalMs);
    if (index < 0) return;
    const isSettled = arrivalMs - this.#askedAtMs > this.#firstPacketMs + SETTLING_MS;
    const isFrameEnd = track.isVideo && (second & 0x80) !== 0;
    if (isFrameEnd && isSettled && !this.#hasMarks) this.#delays.add(meter.delayMs);
    const isChecked = isFrameEnd && track.frames++ % CHECKED_ONE_IN === 0;
    if (!track.hasKeyframe || isChecked) this.#look(track, packet, index, isFrameEnd && isSettled);
  }

  #sinceAskedMs(): number {
    return performance.now() - this.#askedAtMs;
  }

  #begin(ssrc: number, payloadType: number): Track | undefined {
    const codec = this.codecs.get(payloadType);
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

  #look(track: Track, packet: Buffer, index: number, isMeasured: boolean): void {
    const headerLength = headerLengthOf(packet);
    const end = this.#open(packet, headerLength, index);
    if (end < 0) {
      this.counts.bad++;
      return;
    }
    if (!track.hasKeyframe) {
      const { codec } = track.codec;
      const flags = codec === undefined ? 0 : inspectorFor(codec)(packet, headerLength, end);
      if ((flags & FRAME.KEYFRAME_START) !== 0) {
        track.hasKeyframe = true;
        // A video's, should there be audio as well.
        if (track.isVideo || this.#firstKeyframeMs === undefined) this.#firstKeyframeMs = this.#sinceAskedMs();
      }
    }
    if (!this.#hasMarks || !track.isVideo) return;
    const verdict = track.marks.check(packet, headerLength, end, index);
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
