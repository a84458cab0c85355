import { guessIndex, ReplayWindow } from '@shardcast/sfu-worker/peer';

/** Counted since a viewer joined; those of viewers, and of two moments, are added and subtracted. */
export type Counts = {
  /** RTP packets, each once. */
  received: number;
  /** RTP packets by their sequence numbers: what is missing of them is lost. */
  expected: number;
  /** Of those received: later than one that was sent after them. */
  reordered: number;
  duplicated: number;
  /** Of datagrams, as they came: headers of RTP and SRTP's tag are in it. */
  bytes: number;
  /** Do not authenticate, or are not what our camera wrote there. */
  bad: number;
  rtcp: number;
};

export function noCounts(): Counts {
  return { received: 0, expected: 0, reordered: 0, duplicated: 0, bytes: 0, bad: 0, rtcp: 0 };
}

/** @param factor 1 adds, -1 subtracts */
export function addCounts(sum: Counts, other: Readonly<Counts>, factor: 1 | -1 = 1): Counts {
  sum.received += factor * other.received;
  sum.expected += factor * other.expected;
  sum.reordered += factor * other.reordered;
  sum.duplicated += factor * other.duplicated;
  sum.bytes += factor * other.bytes;
  sum.bad += factor * other.bad;
  sum.rtcp += factor * other.rtcp;
  return sum;
}

/** A late packet that comes in another interval than its successors makes one interval's number negative. */
export function lostOf({ expected, received }: Readonly<Counts>): number {
  return Math.max(0, expected - received);
}

/** One RTP stream (an SSRC) as a viewer gets it. */
export class StreamMeter {
  readonly #counts: Counts;
  readonly #clockRate: number;
  readonly #window = new ReplayWindow();
  #lastArrivalMs = 0;
  #lastTimestamp = 0;
  /** The last timestamp without wraps, ms of the stream's own clock. */
  #mediaMs = 0;
  #fastestMs = Number.POSITIVE_INFINITY;
  #jitterMs = 0;

  /**
   * @param counts of the viewer, to be added to
   * @param clockRate of its RTP timestamps, Hz
   */
  constructor(counts: Counts, clockRate: number) {
    this.#counts = counts;
    this.#clockRate = clockRate;
  }

  /** Interarrival jitter (RFC 3550 §6.4.1), ms. */
  get jitterMs(): number {
    return this.#jitterMs;
  }

  /**
   * How much later the packet taken last came than the stream's fastest so far: one-way delay variation (RFC 5481 §4.2), ms.
   */
  get delayMs(): number {
    return this.#lastArrivalMs - this.#mediaMs - this.#fastestMs;
  }

  /** Begins to look for the fastest packet anew. */
  forgetFastest(): void {
    this.#fastestMs = Number.POSITIVE_INFINITY;
  }

  /** @returns the packet's index (sequence number with rollovers), or -1 for one that does not count */
  take(sequence: number, timestamp: number, bytes: number, arrivalMs: number): number {
    const counts = this.#counts;
    const { highest } = this.#window;
    const index = guessIndex(highest, sequence);
    if (index < 0) return -1;
    counts.bytes += bytes;
    if (index > highest) counts.expected += highest < 0 ? 1 : index - highest;
    else if (!this.#window.isFresh(index)) {
      counts.duplicated++;
      return -1;
    } else counts.reordered++;
    this.#window.add(index);
    counts.received++;
    this.#time(timestamp, arrivalMs, highest < 0);
    return index;
  }

  #time(timestamp: number, arrivalMs: number, isFirst: boolean): void {
    const mediaStepMs = isFirst ? 0 : (((timestamp - this.#lastTimestamp) | 0) * 1000) / this.#clockRate;
    const stepMs = isFirst ? 0 : arrivalMs - this.#lastArrivalMs;
    this.#mediaMs += mediaStepMs;
    this.#lastTimestamp = timestamp;
    this.#lastArrivalMs = arrivalMs;
    this.#jitterMs += (Math.abs(stepMs - mediaStepMs) - this.#jitterMs) / 16;
    this.#fastestMs = Math.min(this.#fastestMs, arrivalMs - this.#mediaMs);
  }
}
