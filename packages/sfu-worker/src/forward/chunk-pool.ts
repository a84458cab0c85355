/** Bytes a chunk: some twenty packets, so that little is left unused at a GOP's end. */
export const CHUNK_BYTES = 32 * 1024;
/** Free chunks kept for the next keyframe cache that grows; what is more goes back to the system. */
const MAX_FREE_CHUNKS = 256;
/** In use at once: some two hundred cameras of 4 Mbit/s with a keyframe every two seconds. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Memory that the keyframe caches of a worker share. Each gives its chunks back with every keyframe, and GOPs of many
 * cameras end at different times: together they need half of what each would keep for itself.
 */
export class ChunkPool {
  readonly #free: Buffer[] = [];
  readonly #maxTaken: number;
  #taken = 0;
  #refused = 0;

  /** @param maxBytes that may be in use at once, whatever each cache may hold */
  constructor(maxBytes = MAX_BYTES) {
    this.#maxTaken = Math.floor(maxBytes / CHUNK_BYTES);
  }

  /** @returns undefined when the worker's memory for caches is used up. */
  take(): Buffer | undefined {
    if (this.#taken >= this.#maxTaken) {
      this.#refused++;
      return undefined;
    }
    this.#taken++;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** The caller keeps no view of it. */
  release(chunk: Buffer): void {
    this.#taken--;
    if (this.#free.length < MAX_FREE_CHUNKS) this.#free.push(chunk);
  }

  /** How often `take` had nothing since this was last asked. */
  takeRefused(): number {
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
}
