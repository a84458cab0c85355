/** A change of codec closes and opens the source, and every viewer may have to negotiate again: not more often than this. */
const MIN_INTERVAL_MS = 2000;
/** Encoders change their codec once or twice in a life; who does it this often is broken, or wants to harm. */
const MAX_SWITCHES = 8;
const WINDOW_MS = 60_000;

/** How often a publisher may change the codec that it sends. The time is passed in. */
export class CodecSwitches {
  /** When the last ones were, oldest first; MAX_SWITCHES at most. */
  readonly #atMs: number[] = [];

  /**
   * Asks for a change at `nowMs`, which is counted when it is allowed.
   * @returns `wait`: too soon after the last one, drop the packet; `too-many`: end the session.
   */
  ask(nowMs: number): 'allowed' | 'wait' | 'too-many' {
    const last = this.#atMs.at(-1);
    if (last !== undefined && nowMs - last < MIN_INTERVAL_MS) return 'wait';
    const oldest = this.#atMs[0];
    if (this.#atMs.length === MAX_SWITCHES) {
      if (oldest !== undefined && nowMs - oldest < WINDOW_MS) return 'too-many';
      this.#atMs.shift();
    }
    this.#atMs.push(nowMs);
    return 'allowed';
  }
}
