/** After a stall this much is made good; older items are skipped. */
const MAX_CATCH_UP_MS = 200;

/** Plays `length` items in a loop, one every `intervalMs`; item `n` of the endless sequence is due at `n * intervalMs`. */
export class LoopTrack {
  readonly #length: number;
  readonly #intervalMs: number;
  #next: number;

  constructor(length: number, intervalMs: number, nowMs: number) {
    this.#length = length;
    this.#intervalMs = intervalMs;
    this.#next = length === 0 ? Number.POSITIVE_INFINITY : Math.ceil(nowMs / intervalMs);
  }

  /** Calls `play(item, dueMs)` for all that is due. */
  run(nowMs: number, play: (item: number, dueMs: number) => void): void {
    this.#next = Math.max(this.#next, Math.ceil((nowMs - MAX_CATCH_UP_MS) / this.#intervalMs));
    for (; this.#next * this.#intervalMs <= nowMs; this.#next++) {
      play(this.#next % this.#length, this.#next * this.#intervalMs);
    }
  }
}
