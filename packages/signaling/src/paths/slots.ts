/** A fixed number of numbered places, each free or taken. */
export class Slots {
  readonly capacity: number;
  readonly #free: number[] = [];
  readonly #taken = new Set<number>();
  #next = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get used(): number {
    return this.#taken.size;
  }

  get free(): number {
    return this.capacity - this.#taken.size;
  }

  /** @returns undefined when all are taken. */
  take(): number | undefined {
    const slot = this.#free.pop() ?? (this.#next < this.capacity ? this.#next++ : undefined);
    if (slot !== undefined) this.#taken.add(slot);
    return slot;
  }

  /** A slot that is free already stays free. */
  release(slot: number): void {
    if (this.#taken.delete(slot)) this.#free.push(slot);
  }

  releaseAll(): void {
    for (const slot of [...this.#taken]) this.release(slot);
  }
}
