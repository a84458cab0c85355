/** Steps from sequence number `b` to `a`, -32768..32767: positive when `a` is newer (RFC 3550 §5.1, mod 2^16). */
export function sequenceDelta(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}

/** Ticks from timestamp `b` to `a`, -2^31..2^31-1: positive when `a` is newer (mod 2^32). */
export function timestampDelta(a: number, b: number): number {
  return (a - b) | 0;
}

/**
 * 16-bit sequence numbers as numbers that do not wrap. The first one is returned as it is; a packet from before it, late
 * across a wrap, is negative.
 */
export class SequenceUnwrapper {
  #highest = Number.NaN;

  /** The extended number nearest to the highest one so far, which late packets leave in place. */
  unwrap(sequence: number): number {
    if (Number.isNaN(this.#highest)) {
      this.#highest = sequence;
      return sequence;
    }
    const extended = this.#highest + sequenceDelta(sequence, this.#highest & 0xffff);
    if (extended > this.#highest) this.#highest = extended;
    return extended;
  }

  /** Forgets everything: the next number begins anew. */
  reset(): void {
    this.#highest = Number.NaN;
  }
}

const WINDOW_PACKETS = 64;

/** Remembers which of the newest 64 indexes were seen (the window of RFC 3711 §3.3.2, for plain RTP). */
export class DuplicateWindow {
  #highest = Number.NaN;
  /** Bit n: highest - n was seen. */
  #near = 0;
  /** Bit n: highest - 32 - n was seen. */
  #far = 0;

  /** Notes an unwrapped index. False when it was seen before, or is 64 or more behind: then nobody can tell. */
  accept(index: number): boolean {
    if (Number.isNaN(this.#highest)) {
      this.#highest = index;
      this.#near = 1;
      return true;
    }
    const behind = this.#highest - index;
    if (behind < 0) {
      this.#slide(-behind);
      this.#highest = index;
      this.#near |= 1;
      return true;
    }
    if (behind >= WINDOW_PACKETS) return false;
    const bit = 1 << (behind & 31);
    if (behind < 32) {
      if ((this.#near & bit) !== 0) return false;
      this.#near |= bit;
    } else {
      if ((this.#far & bit) !== 0) return false;
      this.#far |= bit;
    }
    return true;
  }

  reset(): void {
    this.#highest = Number.NaN;
    this.#near = this.#far = 0;
  }

  #slide(by: number): void {
    if (by >= WINDOW_PACKETS) {
      this.#near = this.#far = 0;
    } else if (by >= 32) {
      this.#far = this.#near << (by - 32);
      this.#near = 0;
    } else {
      this.#far = (this.#far << by) | (this.#near >>> (32 - by));
      this.#near <<= by;
    }
  }
}
