import { timestampDelta } from '../sequence.ts';
import type { ReportBlock } from './write.ts';

const MIN_LOST = -0x80_0000;
const MAX_LOST = 0x7f_ffff;
const MAX_UINT32 = 0xffff_ffff;
/** A transit time that moves by more than this is a source that set its clock, not jitter. */
const MAX_JITTER_STEP_SECONDS = 10;

/**
 * What a receiver reports about one source (RFC 3550 §6.4, appendix A.3 and A.8). Times are monotonic milliseconds given by
 * the caller; a packet's duplicates must not be counted in.
 */
export class ReceptionStats {
  readonly #clockRate: number;
  #base = Number.NaN;
  #highest = 0;
  #received = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #jitter = 0;
  #lastTimestamp = 0;
  #lastArrivalMs = Number.NaN;
  #lsr = 0;
  #senderReportAtMs = 0;
  readonly #block = { ssrc: 0, fractionLost: 0, cumulativeLost: 0, highest: 0, jitter: 0, lsr: 0, dlsr: 0 };

  /** @param clockRate Hz, of the RTP timestamps. */
  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  /** False before the first packet: there is nothing to report. */
  get hasPackets(): boolean {
    return this.#received > 0;
  }

  /** RFC 3550 appendix A.8, in ticks of the RTP clock. */
  get jitterTicks(): number {
    return this.#jitter;
  }

  /** Counts a packet with its unwrapped sequence number. */
  update(extendedSequence: number, rtpTimestamp: number, arrivalMs: number): void {
    if (this.#received === 0) {
      this.#base = extendedSequence;
      this.#highest = extendedSequence;
    }
    this.#received++;
    if (extendedSequence > this.#highest) this.#highest = extendedSequence;

    if (!Number.isNaN(this.#lastArrivalMs)) {
      const arrivalTicks = ((arrivalMs - this.#lastArrivalMs) * this.#clockRate) / 1000;
      const step = Math.abs(arrivalTicks - timestampDelta(rtpTimestamp, this.#lastTimestamp));
      // A.8, without its integer rounding
      if (step < MAX_JITTER_STEP_SECONDS * this.#clockRate) this.#jitter += (step - this.#jitter) / 16;
    }
    this.#lastTimestamp = rtpTimestamp;
    this.#lastArrivalMs = arrivalMs;
  }

  /** Notes the source's sender report: the middle 32 bits of its NTP time (`ntpMiddle`), and when it came. */
  onSenderReport(ntpMid32: number, arrivalMs: number): void {
    this.#lsr = ntpMid32;
    this.#senderReportAtMs = arrivalMs;
  }

  /**
   * The values of a report block about `ssrc`, and the start of the next interval for `fractionLost`. The object is the
   * same one at each call: write it out before the next.
   */
  report(ssrc: number, nowMs: number): ReportBlock {
    const block = this.#block;
    const expected = this.#received === 0 ? 0 : this.#highest - this.#base + 1;
    const expectedInInterval = expected - this.#expectedBefore;
    const lostInInterval = expectedInInterval - (this.#received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = this.#received;

    block.ssrc = ssrc;
    const isLossy = expectedInInterval > 0 && lostInInterval > 0; // late packets can outnumber the expected ones
    block.fractionLost = isLossy ? Math.min(255, Math.floor((lostInInterval * 256) / expectedInInterval)) : 0;
    block.cumulativeLost = Math.max(MIN_LOST, Math.min(MAX_LOST, expected - this.#received));
    block.highest = this.#highest >>> 0; // cycles and sequence number, mod 2^32
    block.jitter = Math.min(MAX_UINT32, Math.floor(this.#jitter));
    block.lsr = this.#lsr;
    const sinceReportMs = Math.max(0, nowMs - this.#senderReportAtMs);
    block.dlsr = this.#lsr === 0 ? 0 : Math.min(MAX_UINT32, Math.round((sinceReportMs * 65_536) / 1000));
    return block;
  }

  /** Forgets everything: another source took over. */
  reset(): void {
    this.#base = Number.NaN;
    this.#highest = this.#received = 0;
    this.#expectedBefore = this.#receivedBefore = 0;
    this.#jitter = 0;
    this.#lastTimestamp = 0;
    this.#lastArrivalMs = Number.NaN;
    this.#lsr = 0;
    this.#senderReportAtMs = 0;
  }
}
