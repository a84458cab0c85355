/** Samples, taken once a second, count half after two minutes: long enough to be steady, and the code's warm-up is soon forgotten. */
const KEEP = 0.5 ** (1 / 120);
/** Less work than this is none: packets a second. */
const IDLE_WORK = 20;
/** What an idle process is taken to use until it was seen idle, cores. */
const TYPICAL_IDLE = 0.02;
/** Samples under load after which its cost is known. */
const MIN_SAMPLES = 20;

export type Cost = {
  /** CPU without work, cores. */
  readonly base: number;
  /** Of a unit of work a second, cores. */
  readonly perUnit: number;
  /** Seconds under load that this was learned from. */
  readonly samples: number;
};

/**
 * Learns what work costs from how much CPU was used at how much work, above what the idle process needs. Work is taken to
 * cost the same however much of it there is. That is so from about a quarter of a full load on; at less a packet costs more, and a forecast from
 * there promises too little rather than too much. (A slope through loads of many sizes was tried: the first minutes, in which code is being
 * compiled, make it too flat.) Pure.
 */
export class CostModel {
  #work = 0;
  #cores = 0;
  #weight = 0;
  #samples = 0;
  #idle = Number.POSITIVE_INFINITY;

  /**
   * @param work units a second
   * @param cores CPU in that second
   */
  add(work: number, cores: number): void {
    if (!Number.isFinite(work) || !Number.isFinite(cores)) return;
    if (work < IDLE_WORK) {
      this.#idle = Math.min(this.#idle, cores);
      return;
    }
    this.#samples++;
    this.#weight = this.#weight * KEEP + 1;
    this.#work = this.#work * KEEP + work;
    this.#cores = this.#cores * KEEP + cores;
  }

  /** Of the idle process, cores. */
  get idle(): number {
    return Math.min(this.#idle, TYPICAL_IDLE);
  }

  /** Undefined while too little was seen. */
  cost(): Cost | undefined {
    if (this.#samples < MIN_SAMPLES) return undefined;
    const cores = this.#cores / this.#weight;
    const base = Math.min(this.idle, cores);
    return { base, perUnit: (cores - base) / (this.#work / this.#weight), samples: this.#samples };
  }
}
