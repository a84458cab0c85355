import { TokenBucket } from './token-bucket.ts';

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
  readonly #failing = new Map<string, TokenBucket>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** True when the source may cost us another HMAC. */
  admits(address: string): boolean {
    return this.#failing.get(address)?.has(this.#clock()) ?? true;
  }

  /** What the source sent was worthless. */
  failed(address: string): void {
    const nowMs = this.#clock();
    let bucket = this.#failing.get(address);
    if (bucket === undefined) {
      if (this.#failing.size >= MAX_SOURCES) this.#forgetOldest();
      bucket = new TokenBucket(RATE_PER_SECOND, BURST, nowMs);
      this.#failing.set(address, bucket);
    }
    bucket.take(nowMs);
  }

  #forgetOldest(): void {
    const [oldest] = this.#failing.keys(); // a Map iterates in order of insertion
    if (oldest !== undefined) this.#failing.delete(oldest);
  }
}
