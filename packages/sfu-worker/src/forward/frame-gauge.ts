import { timestampDelta } from '../rtp/sequence.ts';

/** Seconds over which rates are taken. */
const RATE_SAMPLES = 10;
/** Seconds over which the clock is compared, and the fewest for an answer: less would show the network's jitter. */
const DRIFT_SAMPLES = 60;
const MIN_DRIFT_SAMPLES = 20;
const SAMPLE_MS = 1000;

const SAMPLE_FIELDS = 6;
const AT = 0;
const FRAMES = 1;
const BYTES = 2;
const REORDERED = 3;
const LOST = 4;
const PACKETS = 5;

/** Rates over the newest samples; NaN before there are two. */
export type FrameRates = {
  readonly framesPerSecond: number;
  readonly bitsPerSecond: number;
  /** 0..1, of frames. */
  readonly reorderedShare: number;
  /** 0..1, of packets. */
  readonly lostShare: number;
};

/**
 * Measures what a camera sends: frames, bits, keyframes, frames that are not sent in the order in which they are shown, and the
 * camera's clock. A few additions a packet and no memory; the caller says the time.
 */
export class FrameGauge {
  readonly #clockRate: number;
  readonly #samples = new Float64Array(RATE_SAMPLES * SAMPLE_FIELDS);
  #sampleCount = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #frames = 0;
  #bytes = 0;
  #reordered = 0;
  #lost = 0;
  #packets = 0;
  #timestamp = -1;
  /** Shown last of all frames so far. */
  #latest = -1;
  #keyTimestamp = -1;
  #framesAtKey = 0;
  /** Of each second, the least time by which a frame came later than its timestamp says, ms. */
  readonly #offsets = new Float64Array(DRIFT_SAMPLES);
  readonly #offsetsAtMs = new Float64Array(DRIFT_SAMPLES);
  #offsetCount = 0;
  #leastOffset = Number.POSITIVE_INFINITY;
  #leastOffsetAtMs = 0;
  #mediaMs = 0;
  #beganAtMs = Number.NaN;

  keyframes = 0;
  keyframesWithParameterSets = 0;
  /** Seconds between the newest two keyframes, by their timestamps; NaN before there are two. */
  keyframeIntervalSeconds = Number.NaN;
  framesPerKeyframe = Number.NaN;
  #keyframeAtMs = Number.NaN;
  #keyframeHasSets = false;

  /** @param clockRate Hz */
  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  /** Another source, or the same one begins anew. */
  reset(): void {
    this.#sampleCount = this.#offsetCount = 0;
    this.#sampledAtMs = Number.NEGATIVE_INFINITY;
    this.#timestamp = this.#keyTimestamp = -1;
    this.#leastOffset = Number.POSITIVE_INFINITY;
    this.#beganAtMs = this.#keyframeAtMs = Number.NaN;
    this.keyframes = this.keyframesWithParameterSets = 0;
    this.keyframeIntervalSeconds = this.framesPerKeyframe = Number.NaN;
  }

  /** A packet in the order in which it was sent. */
  packet(timestamp: number, bytes: number, nowMs: number): void {
    this.#packets++;
    this.#bytes += bytes;
    if (timestamp !== this.#timestamp) this.#frame(timestamp, nowMs);
  }

  lost(packets: number): void {
    this.#lost += packets;
  }

  /** The frame of the packet counted last is a keyframe. */
  keyframe(nowMs: number): void {
    this.keyframes++;
    this.#keyframeHasSets = false;
    if (this.#keyTimestamp >= 0) {
      this.keyframeIntervalSeconds = timestampDelta(this.#timestamp, this.#keyTimestamp) / this.#clockRate;
      this.framesPerKeyframe = this.#frames - this.#framesAtKey;
    }
    this.#keyTimestamp = this.#timestamp;
    this.#framesAtKey = this.#frames;
    this.#keyframeAtMs = nowMs;
  }

  /** The packet counted last holds parameter sets. */
  parameterSets(): void {
    if (this.#keyTimestamp !== this.#timestamp || this.#keyframeHasSets) return;
    this.#keyframeHasSets = true;
    this.keyframesWithParameterSets++;
  }

  secondsSinceKeyframe(nowMs: number): number {
    return (nowMs - this.#keyframeAtMs) / 1000;
  }

  /** Call at least once a second: takes a sample when one is due. */
  tick(nowMs: number): void {
    if (nowMs - this.#sampledAtMs < SAMPLE_MS || this.#timestamp < 0) return;
    this.#sampledAtMs = nowMs;
    const at = (this.#sampleCount++ % RATE_SAMPLES) * SAMPLE_FIELDS;
    this.#samples[at + AT] = nowMs;
    this.#samples[at + FRAMES] = this.#frames;
    this.#samples[at + BYTES] = this.#bytes;
    this.#samples[at + REORDERED] = this.#reordered;
    this.#samples[at + LOST] = this.#lost;
    this.#samples[at + PACKETS] = this.#packets;
    if (this.#leastOffset === Number.POSITIVE_INFINITY) return;
    const slot = this.#offsetCount++ % DRIFT_SAMPLES;
    this.#offsets[slot] = this.#leastOffset;
    this.#offsetsAtMs[slot] = this.#leastOffsetAtMs;
    this.#leastOffset = Number.POSITIVE_INFINITY;
  }

  rates(): FrameRates {
    const count = Math.min(this.#sampleCount, RATE_SAMPLES);
    const oldest = (this.#sampleCount - count) % RATE_SAMPLES;
    const newest = (this.#sampleCount - 1 + RATE_SAMPLES) % RATE_SAMPLES;
    const grown = (field: number) => this.#sample(newest, field) - this.#sample(oldest, field);
    const seconds = count < 2 ? Number.NaN : grown(AT) / 1000;
    const frames = grown(FRAMES);
    const expected = grown(PACKETS) + grown(LOST);
    return {
      framesPerSecond: frames / seconds,
      bitsPerSecond: (8 * grown(BYTES)) / seconds,
      reorderedShare: count < 2 || frames === 0 ? Number.NaN : grown(REORDERED) / frames,
      lostShare: count < 2 || expected === 0 ? Number.NaN : grown(LOST) / expected,
    };
  }

  /** How much faster the source's clock runs than the caller's: least squares through the least delays. NaN before it is known. */
  clockDriftPpm(): number {
    const count = Math.min(this.#offsetCount, DRIFT_SAMPLES);
    if (count < MIN_DRIFT_SAMPLES) return Number.NaN;
    let meanAt = 0;
    let meanOffset = 0;
    for (let i = 0; i < count; i++) {
      meanAt += (this.#offsetsAtMs[i] as number) / count;
      meanOffset += (this.#offsets[i] as number) / count;
    }
    let covariance = 0;
    let variance = 0;
    for (let i = 0; i < count; i++) {
      const at = (this.#offsetsAtMs[i] as number) - meanAt;
      covariance += at * ((this.#offsets[i] as number) - meanOffset);
      variance += at * at;
    }
    // A source that is fast runs ahead of its frames' arrival: they seem to come ever earlier.
    return variance === 0 ? Number.NaN : (-1e6 * covariance) / variance;
  }

  #frame(timestamp: number, nowMs: number): void {
    this.#frames++;
    if (this.#timestamp < 0) {
      this.#beganAtMs = nowMs;
      this.#mediaMs = 0;
      this.#latest = timestamp;
    } else {
      const delta = timestampDelta(timestamp, this.#timestamp);
      if (timestampDelta(timestamp, this.#latest) < 0) this.#reordered++;
      else this.#latest = timestamp;
      this.#mediaMs += (delta * 1000) / this.#clockRate;
    }
    this.#timestamp = timestamp;
    const offset = nowMs - this.#beganAtMs - this.#mediaMs;
    if (offset >= this.#leastOffset) return;
    this.#leastOffset = offset;
    this.#leastOffsetAtMs = nowMs;
  }

  #sample(index: number, field: number): number {
    return this.#samples[index * SAMPLE_FIELDS + field] as number;
  }
}
