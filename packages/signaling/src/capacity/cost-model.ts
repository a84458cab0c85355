/** Samples, taken once a second, count half after ten minutes. */
const KEEP = 0.5 ** (1 / 600);
/** Of work whose standard deviation is less than this part of its mean a slope says nothing: only the mean does. */
const MIN_SPREAD = 0.15;
/** Less work than this is none: packets a second. */
const IDLE_WORK = 20;
/** What an idle process is taken to use until it was seen idle, cores. */
const TYPICAL_IDLE = 0.02;
/** Idle seconds after which its CPU is known. */
const MIN_IDLE_SAMPLES = 5;
/** Samples under load after which its cost is known. */
const MIN_SAMPLES = 20;

export type Cost = {
  /** CPU without work, cores, as far as a straight line through the samples says so. */
  readonly base: number;
  /** Of a unit of work a second, cores. */
  readonly perUnit: number;
  /** Seconds under load that this was learned from. */
  readonly samples: number;
};

/**
 * Learns what work costs from how much CPU was used at how much work: a line through the samples, or where they are all
 * alike, one through their mean and what the idle process needs. A packet costs less the more there are, so that a line through loads of
 * many sizes forecasts closer than the mean. Pure.
 */
export class CostModel {
  #weight = 0;
  #work = 0;
  #cores = 0;
  #workSquared = 0;
  #workCores = 0;
  #samples = 0;
  #idle = 0;
  #idleSamples = 0;

  /**
   * @param work units a second
   * @param cores CPU in that second
   */
  add(work: number, cores: number): void {
    if (!Number.isFinite(work) || !Number.isFinite(cores)) return;
    if (work < IDLE_WORK) {
      // The mean of the last minute or so, and of all before there were as many.
      this.#idleSamples++;
      this.#idle += (cores - this.#idle) / Math.min(60, this.#idleSamples);
      return;
    }
    this.#samples++;
    this.#weight = this.#weight * KEEP + 1;
    this.#work = this.#work * KEEP + work;
    this.#cores = this.#cores * KEEP + cores;
    this.#workSquared = this.#workSquared * KEEP + work * work;
    this.#workCores = this.#workCores * KEEP + work * cores;
  }

  get idle(): number {
    return this.#idleSamples >= MIN_IDLE_SAMPLES ? this.#idle : TYPICAL_IDLE;
  }

  /** Undefined while too little was seen. */
  cost(): Cost | undefined {
    if (this.#samples < MIN_SAMPLES) return undefined;
    const work = this.#work / this.#weight;
    const cores = this.#cores / this.#weight;
    const variance = this.#workSquared / this.#weight - work * work;
    const samples = this.#samples;
    const throughMean: Cost = {
      base: Math.min(this.idle, cores),
      perUnit: Math.max(0, cores - this.idle) / work,
      samples,
    };
    if (!(variance > (MIN_SPREAD * work) ** 2)) return throughMean;
    const slope = (this.#workCores / this.#weight - work * cores) / variance;
    // Steeper than through the idle process, or nearly flat: other work was in the way.
    if (slope > throughMean.perUnit || slope < throughMean.perUnit / 3) return throughMean;
    return { base: cores - slope * work, perUnit: slope, samples };
  }
}
