/** What a ring says: `times[i]` is the begin of a step in Unix seconds, `columns[c][i]` the mean of a column in it. */
export type RingColumns = {
  readonly times: number[];
  readonly columns: (number | null)[][];
};

/** Rows at first: a stream that has just begun has little to remember. */
const FIRST_ROWS = 32;

/**
 * Means of some columns over steps of equal length, the newest `capacity` of them. Its memory doubles as steps come, up to
 * what `bytes` says. Pure: time is an argument.
 */
export class StepRing {
  readonly stepSeconds: number;
  readonly capacity: number;
  readonly #columns: number;
  /** Row after row; NaN where nothing was measured. A step's row is its number modulo the rows. */
  #means: Float32Array;
  #rows: number;
  readonly #sums: Float64Array;
  readonly #counts: Uint32Array;
  /** Number of the step that is being summed up, -1 before the first. */
  #open = -1;
  #first = -1;

  constructor(columns: number, stepSeconds: number, capacity: number) {
    this.stepSeconds = stepSeconds;
    this.capacity = capacity;
    this.#columns = columns;
    this.#rows = Math.min(FIRST_ROWS, capacity);
    this.#means = new Float32Array(columns * this.#rows).fill(Number.NaN);
    this.#sums = new Float64Array(columns);
    this.#counts = new Uint32Array(columns);
  }

  /** Bytes that a ring of these dimensions holds at most. */
  static bytes(columns: number, capacity: number): number {
    return columns * capacity * Float32Array.BYTES_PER_ELEMENT;
  }

  get heldBytes(): number {
    return this.#means.byteLength;
  }

  /** @param values one a column; NaN is no measurement. Time that goes back is left out. */
  add(unixSeconds: number, values: ArrayLike<number>): void {
    const step = Math.floor(unixSeconds / this.stepSeconds);
    if (step < this.#open) return;
    if (step > this.#open) this.#advance(step);
    for (let column = 0; column < this.#columns; column++) {
      const value = values[column] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      this.#sums[column] = (this.#sums[column] as number) + value;
      this.#counts[column] = (this.#counts[column] as number) + 1;
    }
  }

  /** The complete steps, oldest first, `limit` at most; the one that is being summed up is not among them. */
  read(columns: readonly number[], limit = this.capacity): RingColumns {
    const end = this.#open;
    const begin = end < 0 ? end : Math.max(this.#first, end - Math.min(limit, this.capacity));
    const times: number[] = [];
    for (let step = begin; step < end; step++) times.push(step * this.stepSeconds);
    return {
      times,
      columns: columns.map((column) =>
        times.map((_, index) => {
          const value = this.#means[this.#row(begin + index) + column] ?? Number.NaN;
          return Number.isNaN(value) ? null : value;
        }),
      ),
    };
  }

  #row(step: number): number {
    return (step % this.#rows) * this.#columns;
  }

  /** Room for the steps from the first one to be kept up to `end`, exclusive. */
  #grow(end: number): void {
    const wanted = Math.min(this.capacity, end - this.#first);
    if (wanted <= this.#rows) return;
    const before = this.#means;
    const from = Math.max(this.#first, this.#open - this.#rows);
    const sources = Array.from({ length: this.#open - from }, (_, i) => this.#row(from + i));
    this.#rows = Math.min(this.capacity, 2 ** Math.ceil(Math.log2(wanted)));
    this.#means = new Float32Array(this.#columns * this.#rows).fill(Number.NaN);
    sources.forEach((source, i) => {
      this.#means.set(before.subarray(source, source + this.#columns), this.#row(from + i));
    });
  }

  #advance(step: number): void {
    if (this.#open < 0) this.#first = step;
    else {
      this.#grow(step);
      const row = this.#row(this.#open);
      for (let column = 0; column < this.#columns; column++) {
        const count = this.#counts[column] as number;
        this.#means[row + column] = count === 0 ? Number.NaN : (this.#sums[column] as number) / count;
      }
      // Steps in which nobody called are empty, and so are those of the round before in their rows.
      const skipped = Math.min(step - this.#open - 1, this.#rows);
      for (let back = 1; back <= skipped; back++) {
        const empty = this.#row(step - back);
        this.#means.fill(Number.NaN, empty, empty + this.#columns);
      }
    }
    this.#open = step;
    this.#sums.fill(0);
    this.#counts.fill(0);
  }
}
