/** Columns of a leg's row; the native media path reads and writes them too (native/src/layout.h). */
export const LEG = {
  /** The session's channel in the media path. */
  CHANNEL: 0,
  SSRC: 1,
  PAYLOAD_TYPE: 2,
  /** Index of the track's first field in the worker's session counters. */
  COUNTERS: 3,
  /** Output packet index minus track packet index. */
  INDEX_DELTA: 4,
  /** Track index of the first packet that the leg may see, Infinity before it began. */
  FIRST_INDEX: 5,
  TIMESTAMP_OFFSET: 6,
  /** 1 once a packet of the leg had to be dropped: what follows cannot be decoded before the next keyframe. */
  STARVED: 7,
} as const;
export const LEG_DOUBLES = 8;

const FIRST_ROWS = 256;

/** The rewrite state of all of a worker's legs, a row each in one typed array: what a packet needs, and nothing else. */
export class LegTable {
  /** Another array after `acquire` when it had to grow. */
  rows = new Float64Array(FIRST_ROWS * LEG_DOUBLES);
  readonly #free: number[] = [];
  #used = 0;

  /** @returns the number of a zeroed row */
  acquire(): number {
    const row = this.#free.pop() ?? this.#used++;
    if (row * LEG_DOUBLES >= this.rows.length) {
      const grown = new Float64Array(2 * this.rows.length);
      grown.set(this.rows);
      this.rows = grown;
    }
    this.rows.fill(0, row * LEG_DOUBLES, (row + 1) * LEG_DOUBLES);
    return row;
  }

  release(row: number): void {
    this.rows[row * LEG_DOUBLES + LEG.CHANNEL] = -1;
    this.#free.push(row);
  }
}
