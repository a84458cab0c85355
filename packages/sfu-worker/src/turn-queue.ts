import type { Guard, Guarded } from './guard.ts';

/** Pieces that one owner may have waiting: a handshake has a dozen datagrams, repetitions included. */
const MAX_OF_OWNER = 32;
const MAX_WAITING = 8192;

type Piece = { readonly owner: Guarded; readonly run: () => void };

/**
 * Work that can wait for media: offers and handshakes. One piece a turn of the event loop, in order, so that packets, which
 * are read between turns, wait for one piece at most, however many join at once.
 */
export class TurnQueue {
  readonly #guard: Guard;
  readonly #later: (run: () => void) => void;
  #waiting: Piece[] = [];
  /** Of `#waiting`, which is cut now and then. */
  #next = 0;
  readonly #ofOwner = new Map<Guarded, number>();
  #isClosed = false;

  /** @param later runs something in the next turn of the loop */
  constructor(guard: Guard, later: (run: () => void) => void = setImmediate) {
    this.#guard = guard;
    this.#later = later;
  }

  /** Pieces that wait. */
  get length(): number {
    return this.#waiting.length - this.#next;
  }

  /** Those of one owner. */
  waitingOf(owner: Guarded): number {
    return this.#ofOwner.get(owner) ?? 0;
  }

  /**
   * @param run what it throws ends its owner and nobody else
   * @returns false when too much waits already, of this owner or of all together: then it is not run
   */
  push(owner: Guarded, run: () => void): boolean {
    const own = this.waitingOf(owner);
    if (this.#isClosed || own >= MAX_OF_OWNER || this.length >= MAX_WAITING) return false;
    this.#ofOwner.set(owner, own + 1);
    this.#waiting.push({ owner, run });
    if (this.length === 1) this.#later(this.#turn);
    return true;
  }

  /** What waits is forgotten. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#next = 0;
    this.#ofOwner.clear();
  }

  readonly #turn = (): void => {
    const piece = this.#waiting[this.#next];
    if (piece === undefined) return; // closed meanwhile
    this.#next++;
    const { owner, run } = piece;
    const left = (this.#ofOwner.get(owner) ?? 1) - 1;
    if (left === 0) this.#ofOwner.delete(owner);
    else this.#ofOwner.set(owner, left);
    if (this.length === 0) {
      this.#waiting = [];
      this.#next = 0;
    } else {
      if (this.#next >= 1024) {
        this.#waiting.splice(0, this.#next);
        this.#next = 0;
      }
      this.#later(this.#turn);
    }
    this.#guard.run(owner, run);
  };
}
