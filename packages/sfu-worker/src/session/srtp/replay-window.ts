/** Twice the least that RFC 3711 §3.3.2 asks for. */
const WINDOW = 128;
const WORDS = WINDOW / 32;

/** Which packet indexes were seen. To be touched only after a packet was authenticated. */
export class ReplayWindow {
  /** -1 before the first packet. */
  highest: number;
  /** Bit n of the ring says whether index n (modulo the window) was seen. */
  readonly #seen = new Uint32Array(WORDS);

  /** @param highest a restored value: everything at or below it counts as seen. */
  constructor(highest = -1) {
    this.highest = highest;
    if (highest >= 0) this.#seen.fill(0xffff_ffff);
  }

  isFresh(index: number): boolean {
    if (index > this.highest) return true;
    if (index <= this.highest - WINDOW || index < 0) return false;
    return ((this.#seen[(index % WINDOW) >>> 5] as number) & (1 << (index & 31))) === 0;
  }

  /** Notes an index for which `isFresh` was true. */
  add(index: number): void {
    if (index > this.highest) {
      const steps = Math.min(index - this.highest, WINDOW);
      // What leaves the window makes room for what may still come.
      for (let i = 1; i <= steps; i++) this.#clear(index - steps + i);
      this.highest = index;
    }
    const word = (index % WINDOW) >>> 5;
    this.#seen[word] = (this.#seen[word] as number) | (1 << (index & 31));
  }

  #clear(index: number): void {
    const word = (index % WINDOW) >>> 5;
    this.#seen[word] = (this.#seen[word] as number) & ~(1 << (index & 31));
  }
}
