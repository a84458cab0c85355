/** Bytes a chunk: some twenty packets, so that little is left unused at a GOP's end. */
export const CHUNK_BYTES = 32 * 1024;
/** Free chunks kept for the next keyframe cache that grows; what is more goes back to the system. */
const MAX_FREE_CHUNKS = 256;

/**
 * Memory that the keyframe caches of a worker share. Each gives its chunks back with every keyframe, and GOPs of many
 * cameras end at different times: together they need half of what each would keep for itself.
 */
export class ChunkPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** The caller keeps no view of it. */
  release(chunk: Buffer): void {
    if (this.#free.length < MAX_FREE_CHUNKS) this.#free.push(chunk);
  }
}
