/** Delays between attempts: doubling, with jitter, so that the viewers of a server that was away do not all come back at once. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempt = 0;

  /** @param random 0 (inclusive) to 1 (exclusive) */
  constructor(firstMs = 250, maxMs = 10_000, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /**
   * Milliseconds to wait: 50 to 100 % of the current step.
   * @param atLeastMs what the server asked for (`Retry-After`); up to a quarter is added to that, never taken away
   */
  next(atLeastMs = 0): number {
    const stepMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt++;
    return Math.max(stepMs * (0.5 + this.#random() / 2), atLeastMs * (1 + this.#random() / 4));
  }

  /** Media flows again. */
  reset(): void {
    this.#attempt = 0;
  }
}
