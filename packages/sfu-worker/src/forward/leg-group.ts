import type { Leg } from './leg.ts';

/** Legs that get the same packets, and their rows' numbers side by side for a media path that reads rows alone. */
export class LegGroup {
  /** Not to be changed but by `add` and `remove`. */
  readonly legs: Leg[] = [];
  /** The first `size` are the legs' rows. */
  rows = new Int32Array(4);

  /** A group of one. */
  static of(leg: Leg): LegGroup {
    const group = new LegGroup();
    group.add(leg);
    return group;
  }

  get size(): number {
    return this.legs.length;
  }

  add(leg: Leg): void {
    if (this.legs.length === this.rows.length) {
      const grown = new Int32Array(2 * this.rows.length);
      grown.set(this.rows);
      this.rows = grown;
    }
    this.rows[this.legs.length] = leg.row;
    this.legs.push(leg);
  }

  /** Idempotent. */
  remove(leg: Leg): void {
    const at = this.legs.indexOf(leg);
    if (at < 0) return;
    this.legs.splice(at, 1);
    this.rows.copyWithin(at, at + 1);
  }
}
