/** A small reproducible generator (mulberry32): the same seed, the same bytes, on every machine. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= n < limit. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }

  /** A copy with a few bytes changed, cut off, or repeated. */
  mutate(valid: Buffer): Buffer {
    let bytes = Buffer.from(valid);
    for (let edits = 1 + this.below(4); edits > 0 && bytes.length > 0; edits--) {
      const at = this.below(bytes.length);
      const kind = this.below(10);
      if (kind < 6) bytes[at] = this.below(4) === 0 ? 0xff : this.below(256);
      else if (kind < 8) bytes = bytes.subarray(0, at);
      else if (bytes.length < 4096) bytes = Buffer.concat([bytes.subarray(0, at), bytes]);
    }
    return bytes;
  }
}
