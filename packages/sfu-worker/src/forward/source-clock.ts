import { DuplicateWindow, SequenceUnwrapper, sequenceDelta, timestampDelta } from '../rtp/sequence.ts';

/** A packet that is this far ahead or behind is not loss but another source (RFC 3550 appendix A.1). */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
/** A timestamp this far from the wall clock is a camera that set its clock. */
const MAX_TIMESTAMP_DRIFT_SECONDS = 10;

export type Admission = 'next' | 'late' | 'duplicate' | 'suspect' | 'new-source';

/**
 * Turns the sequence numbers and timestamps of a camera that may restart, change its SSRC or jump into numbers that
 * only go on: viewers never notice (facts of RFC 3550 A.1 with a memory).
 */
export class SourceClock {
  readonly #clockRate: number;
  #unwrapper = new SequenceUnwrapper();
  #seen = new DuplicateWindow();
  #ssrc = -1;
  #expectedAfterJump = -1;
  #timestampOffset = 0;
  #lastSourceTimestamp = 0;
  #lastAtMs = Number.NaN;

  /** Extended sequence number of the packet admitted last, and the highest one. */
  extended = -1;
  highest = -1;
  /** Packets missing before the packet admitted last; 0 for a late one. */
  gap = 0;
  /** The admitted packet's timestamp in the track's time. */
  timestamp = 0;

  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  get ssrc(): number {
    return this.#ssrc;
  }

  /** The next packet is from a source that has nothing to do with the last one. */
  restart(): void {
    this.#ssrc = -1;
  }

  admit(ssrc: number, sequence: number, timestamp: number, nowMs: number): Admission {
    if (ssrc !== this.#ssrc) {
      this.#begin(ssrc, sequence, timestamp, nowMs);
      return 'new-source';
    }
    const delta = sequenceDelta(sequence, this.highest & 0xffff);
    if (delta > MAX_DROPOUT || delta < -MAX_MISORDER) {
      if (sequence !== this.#expectedAfterJump) {
        this.#expectedAfterJump = (sequence + 1) & 0xffff;
        return 'suspect'; // one stray packet proves nothing; a second in order does
      }
      this.#begin(ssrc, sequence, timestamp, nowMs);
      return 'new-source';
    }
    const extended = this.#unwrapper.unwrap(sequence);
    if (!this.#seen.accept(extended)) return 'duplicate';
    this.extended = extended;
    if (extended < this.highest) {
      this.gap = 0;
      this.timestamp = (timestamp + this.#timestampOffset) % 0x1_0000_0000;
      return 'late';
    }
    this.gap = extended - this.highest - 1;
    this.highest = extended;
    this.#follow(timestamp, nowMs);
    return 'next';
  }

  #begin(ssrc: number, sequence: number, timestamp: number, nowMs: number): void {
    this.#ssrc = ssrc;
    this.#expectedAfterJump = -1;
    this.#unwrapper = new SequenceUnwrapper();
    this.#seen = new DuplicateWindow();
    this.extended = this.highest = this.#unwrapper.unwrap(sequence);
    this.#seen.accept(this.extended);
    this.gap = 0;
    if (Number.isNaN(this.#lastAtMs)) this.#timestampOffset = 0;
    else this.#rebase(timestamp, nowMs);
    this.#note(timestamp, nowMs);
  }

  #follow(timestamp: number, nowMs: number): void {
    const elapsed = ((nowMs - this.#lastAtMs) * this.#clockRate) / 1000;
    const drift = timestampDelta(timestamp, this.#lastSourceTimestamp) - elapsed;
    if (Math.abs(drift) > MAX_TIMESTAMP_DRIFT_SECONDS * this.#clockRate) this.#rebase(timestamp, nowMs);
    this.#note(timestamp, nowMs);
  }

  /** The track's time goes on by the wall clock, at least by one tick. */
  #rebase(timestamp: number, nowMs: number): void {
    const elapsed = Math.max(1, Math.round(((nowMs - this.#lastAtMs) * this.#clockRate) / 1000));
    const continued = this.timestamp + elapsed;
    this.#timestampOffset = (((continued - timestamp) % 0x1_0000_0000) + 0x1_0000_0000) % 0x1_0000_0000;
  }

  #note(timestamp: number, nowMs: number): void {
    this.timestamp = (timestamp + this.#timestampOffset) % 0x1_0000_0000;
    this.#lastSourceTimestamp = timestamp;
    this.#lastAtMs = nowMs;
  }
}
