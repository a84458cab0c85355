/**
 * Samples, taken once a second, count half after half a minute: long enough to be steady, and the code's warm-up and the lesser
 * loads before, at which a packet costs more, are soon forgotten.
 */
const KEEP = 0.5 ** (1 / 30);
/** Less work than this is none: packets a second. */
const IDLE_WORK = 20;
/** What an idle process is taken to use until it was seen idle, cores. */
const TYPICAL_IDLE = 0.02;
/**
 * A worker that has work wakes up for it some hundred times a second, however much it is: that costs this, cores, and at
 * little work a quarter of what work costs. (Measured at 20 to 315 streams of five viewers, docs/benchmarks.md.)
 */
const AWAKE_CORES = 0.025;
const AWAKE_SHARE = 1 / 4;
/** Samples under load after which its cost is known. */
const MIN_SAMPLES = 20;

export type Cost = {
  /** CPU whatever the work, cores: the idle process, and its workers' waking up. */
  readonly base: number;
  /** Of a unit of work a second, cores. */
  readonly perUnit: number;
  /** Seconds under load that this was learned from. */
  readonly samples: number;
};

/**
 * Learns what work costs from how much CPU was used at how much work, above what does not grow with it. (A slope through
 * loads of many sizes was tried: the first minutes, in which code is being compiled, make it too flat. All CPU above the
 * idle process's was tried: it promises an eighth too little.) Pure.
 */
export class CostModel {
  readonly #awakeCores: number;
  #work = 0;
  #cores = 0;
  #weight = 0;
  #samples = 0;
  #idle = Number.POSITIVE_INFINITY;

  constructor(workers: number) {
    this.#awakeCores = workers * AWAKE_CORES;
  }

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
    const idle = Math.min(this.idle, cores);
    const base = idle + Math.min(this.#awakeCores, AWAKE_SHARE * (cores - idle));
    return { base, perUnit: (cores - base) / (this.#work / this.#weight), samples: this.#samples };
  }
}
