import { STREAM, type StreamField, Telemetry, type TypicalCost, viewersShare } from '@shardcast/shared';

/** Workers write CPU once a second at a phase of their own: rates over this many samples hide it. */
const WINDOW = 10;
const FIELDS = [
  'inboundPackets',
  'inboundBytes',
  'inboundLost',
  'outboundPackets',
  'outboundBytes',
  'cpuSeconds',
] as const satisfies readonly StreamField[];
type Field = (typeof FIELDS)[number];

/** Rates of a stream over the last ten seconds. */
export type StreamRates = {
  /** Packets a second. */
  readonly inboundPackets: number;
  readonly outboundPackets: number;
  /** Bits a second. */
  readonly inboundBitrate: number;
  readonly outboundBitrate: number;
  /** Of what the source sent, 0 to 1. */
  readonly lossRatio: number;
  readonly cpuCores: number;
  /** The part of `cpuCores` that its viewers cause. */
  readonly cpuCoresOfViewers: number;
};

/** Samples of one stream's counters. Pure: time is an argument. */
export class StreamMeter {
  /** Whose counters these are: in another slot a stream begins anew. */
  readonly worker: number;
  readonly slot: number;
  readonly #telemetry: Telemetry;
  readonly #base: number;
  readonly #times = new Float64Array(WINDOW + 1);
  readonly #samples = new Float64Array((WINDOW + 1) * FIELDS.length);
  #count = 0;
  #keyframes = 0;
  #keyframeAtMs: number;

  constructor(worker: number, slot: number, telemetry: Telemetry, nowMs: number) {
    this.worker = worker;
    this.slot = slot;
    this.#telemetry = telemetry;
    this.#base = Telemetry.streamBase(slot);
    this.#keyframeAtMs = nowMs;
  }

  /** To be called about once a second. */
  sample(nowMs: number): void {
    const row = this.#count % (WINDOW + 1);
    this.#times[row] = nowMs;
    FIELDS.forEach((field, column) => {
      this.#samples[row * FIELDS.length + column] = this.#telemetry.counters[this.#base + STREAM[field]] as number;
    });
    this.#count++;
    const keyframes = this.#telemetry.stream(this.slot, 'keyframes');
    if (keyframes === this.#keyframes) return;
    this.#keyframes = keyframes;
    this.#keyframeAtMs = nowMs;
  }

  /** Since a keyframe was seen, or since the stream is there; to a second. */
  secondsSinceKeyframe(nowMs: number): number {
    return Math.max(0, nowMs - this.#keyframeAtMs) / 1000;
  }

  /** The last second alone, as histories want it; 0 before there are two samples. */
  lastSecond(): Omit<StreamRates, 'cpuCores' | 'cpuCoresOfViewers'> {
    return {
      inboundPackets: this.#rate('inboundPackets', 1),
      outboundPackets: this.#rate('outboundPackets', 1),
      inboundBitrate: this.#rate('inboundBytes', 1) * 8,
      outboundBitrate: this.#rate('outboundBytes', 1) * 8,
      lossRatio: this.#loss(1),
    };
  }

  rates(cost: TypicalCost): StreamRates {
    const inboundPackets = this.#rate('inboundPackets');
    const outboundPackets = this.#rate('outboundPackets');
    const cpuCores = this.#rate('cpuSeconds');
    return {
      inboundPackets,
      outboundPackets,
      inboundBitrate: this.#rate('inboundBytes') * 8,
      outboundBitrate: this.#rate('outboundBytes') * 8,
      lossRatio: this.#loss(),
      cpuCores,
      cpuCoresOfViewers: cpuCores * viewersShare(cost, inboundPackets, outboundPackets),
    };
  }

  #loss(back = WINDOW): number {
    const lost = this.#rate('inboundLost', back);
    const sent = lost + this.#rate('inboundPackets', back);
    return sent > 0 ? lost / sent : sent;
  }

  /** A second, over `back` samples at most; 0 before there are two. A counter that goes back (a late packet was no loss) is 0. */
  #rate(field: Field, back = WINDOW): number {
    const span = Math.min(back, this.#count - 1);
    if (span < 1) return 0;
    const column = FIELDS.indexOf(field);
    const last = (this.#count - 1) % (WINDOW + 1);
    const first = (this.#count - 1 - span) % (WINDOW + 1);
    const seconds = ((this.#times[last] as number) - (this.#times[first] as number)) / 1000;
    const at = (row: number) => this.#samples[row * FIELDS.length + column] as number;
    return seconds > 0 ? Math.max(0, at(last) - at(first)) / seconds : 0;
  }
}
