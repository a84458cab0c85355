/** Checks a stranger may make a second before they cost nothing any more, and at once. */
const RATE_PER_SECOND = 50;
const BURST = 100;
/** Addresses remembered; a flood from more of them shares what is left of the table's bound. */
const MAX_SOURCES = 4096;

/** A token bucket an address, in a bounded table. Pure: time comes from the clock. */
export class SourceLimiter {
  readonly #clock: () => number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** True when the source may cost us another HMAC. */
  admit(address: string): boolean {
    const nowMs = this.#clock();
    const bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_SOURCES) this.#forgetOldest();
      this.#buckets.set(address, { tokens: BURST - 1, atMs: nowMs });
      return true;
    }
    bucket.tokens = Math.min(BURST, bucket.tokens + ((nowMs - bucket.atMs) * RATE_PER_SECOND) / 1000);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys(); // a Map iterates in order of insertion
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
