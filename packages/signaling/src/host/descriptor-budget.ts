import { hostLimits, openDescriptors } from './limits.ts';

/** Kept free: for cameras to be dialled, workers to be replaced, files to be read. */
const RESERVE = 64;
/** Descriptors are counted this often at most, and guessed between. */
const RECOUNT_MS = 250;

export type DescriptorBudgetOptions = {
  /** RLIMIT_NOFILE; undefined where the system does not tell, and then there is no budget. */
  readonly limit?: number | undefined;
  readonly count?: () => number | undefined;
  /** Monotonic ms. */
  readonly clock: () => number;
};

/** Says whether a stranger's connection may have a file descriptor: the last ones are for what is established. */
export class DescriptorBudget {
  readonly #limit: number;
  readonly #count: () => number | undefined;
  readonly #clock: () => number;
  #used = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, limit = hostLimits().fileDescriptors, count = openDescriptors }: DescriptorBudgetOptions) {
    this.#limit = (limit ?? Number.POSITIVE_INFINITY) - RESERVE;
    this.#count = count;
    this.#clock = clock;
  }

  /** For a connection that was just accepted. */
  admits(): boolean {
    const nowMs = this.#clock();
    if (nowMs - this.#countedAtMs >= RECOUNT_MS) {
      this.#countedAtMs = nowMs;
      this.#used = this.#count() ?? 0;
      return this.#used <= this.#limit;
    }
    return ++this.#used <= this.#limit; // those that were closed meanwhile are seen at the next count
  }
}
