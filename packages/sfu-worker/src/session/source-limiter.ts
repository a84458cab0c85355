/** Failures a source may make a second before its checks cost nothing any more, and at once. */
const RATE_PER_SECOND = 50;
const BURST = 100;
/** Sources remembered. A flood from more addresses than this is forgotten before it is slowed, an HMAC each. */
const MAX_SOURCES = 4096;

/**
 * Slows down who fails: a token bucket an address, in a bounded table. What succeeds is free, since hundreds of viewers
 * may come from one address at once (a NAT, a load generator). Pure: time comes from the clock.
 */
export class SourceLimiter {
  readonly #clock: () => number;
  readonly #failing = new Map<string, { tokens: number; atMs: number }>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** True when the source may cost us another HMAC. */
  admits(address: string): boolean {
    const bucket = this.#failing.get(address);
    if (bucket === undefined) return true;
    const nowMs = this.#clock();
    bucket.tokens = Math.min(BURST, bucket.tokens + ((nowMs - bucket.atMs) * RATE_PER_SECOND) / 1000);
    bucket.atMs = nowMs;
    return bucket.tokens >= 1;
  }

  /** What the source sent was worthless. */
  failed(address: string): void {
    const bucket = this.#failing.get(address);
    if (bucket !== undefined) {
      bucket.tokens = Math.max(0, bucket.tokens - 1);
      return;
    }
    if (this.#failing.size >= MAX_SOURCES) this.#forgetOldest();
    this.#failing.set(address, { tokens: BURST - 1, atMs: this.#clock() });
  }

  #forgetOldest(): void {
    const [oldest] = this.#failing.keys(); // a Map iterates in order of insertion
    if (oldest !== undefined) this.#failing.delete(oldest);
  }
}
