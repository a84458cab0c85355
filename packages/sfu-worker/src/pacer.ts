/** Joining viewers get the next piece of their backlog this often. */
const PACE_MS = 5;
/** Of each pace. */
const PACE_BUDGET_MS = 2;

/** Something with viewers that catch up. */
type Paced = {
  /** Sends what is due until `isOver`. @returns whether it wants another turn */
  pace(nowMs: number, isOver: () => boolean): boolean;
};

/** Hands joining viewers on, for a part of the time: packets that come meanwhile are not to wait for all of them. */
export class Pacer<Stream extends Paced> {
  readonly #clock: () => number;
  readonly #onFault: (stream: Stream, error: unknown) => void;
  readonly #wanting = new Set<Stream>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /**
   * @param clock monotonic ms
   * @param onFault its turn threw
   */
  constructor(clock: () => number, onFault: (stream: Stream, error: unknown) => void) {
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** The stream wants a turn. */
  add(stream: Stream): void {
    this.#wanting.add(stream);
    if (!this.#isClosed) this.#timer ??= setTimeout(() => this.#pace(), PACE_MS);
  }

  delete(stream: Stream): void {
    this.#wanting.delete(stream);
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #pace(): void {
    this.#timer = undefined;
    const nowMs = this.#clock();
    const isOver = () => this.#clock() - nowMs >= PACE_BUDGET_MS;
    for (const stream of [...this.#wanting]) {
      if (isOver()) break;
      this.#wanting.delete(stream);
      try {
        // Behind the others, should it need another turn.
        if (stream.pace(nowMs, isOver)) this.#wanting.add(stream);
      } catch (error) {
        this.#onFault(stream, error);
      }
    }
    const [next] = this.#wanting;
    if (next !== undefined) this.add(next);
  }
}
