/** Each bucket is 4.4 % wider than the one before. */
const BUCKETS_PER_OCTAVE = 16;
const LEAST_MS = 0.01;
/** Up to three minutes. */
const BUCKETS = 24 * BUCKETS_PER_OCTAVE;

/** Times in ms, kept as counts, so that those of many threads can be put together. */
export class Histogram {
  readonly #counts: Uint32Array;
  #total = 0;

  /** @param counts of another's `counts`, which it owns from here on */
  constructor(counts: Uint32Array = new Uint32Array(BUCKETS)) {
    this.#counts = counts;
    for (const count of counts) this.#total += count;
  }

  get count(): number {
    return this.#total;
  }

  /** To be sent elsewhere. Still this one's. */
  get counts(): Uint32Array {
    return this.#counts;
  }

  add(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log2(ms / LEAST_MS) * BUCKETS_PER_OCTAVE);
    const index = Math.min(bucket, BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total++;
  }

  merge(other: Histogram): void {
    other.counts.forEach((count, index) => {
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
    });
    this.#total += other.count;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** @param share 0 to 1. @returns ms, at most 4.4 % too high; undefined without values */
  percentile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    const wanted = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= wanted) return LEAST_MS * 2 ** (index / BUCKETS_PER_OCTAVE);
    }
    return undefined;
  }
}
