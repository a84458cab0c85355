import { CHUNK_BYTES, type ChunkPool } from './chunk-pool.ts';
import { PACKET, type PacketBatch } from './packet-batch.ts';

export type KeyframeCacheLimits = {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
};

const FIRST_PACKETS = 64;
/** What the arrays below take a packet. */
const ENTRY_BYTES = 31;
/**
 * Smaller packets than this, on average, are not cached to the byte limit: what is kept of a packet besides its bytes
 * then stays at a sixteenth of that limit. At the default of 2 MB that is 4,096 packets, of ten seconds at most.
 */
const MIN_AVERAGE_BYTES = 512;
/** What lies between packets of one read, headers, is copied along with them up to this: one copy is cheaper than many. */
const MAX_GAP_BYTES = 64;
/** Chunks are numbered in 16 bits. */
const MAX_CHUNKS = 0xffff;

/**
 * The newest keyframe of a track and the frames since, so that a viewer who joins gets a picture at once and not after
 * the next GOP. Bounded by bytes, packets and age: past a bound only the keyframe is kept, which still gives a picture.
 *
 * Packets are copied in, so the cache owns its bytes. They lie in chunks of the worker's pool, given back with the next
 * keyframe: nothing is allocated in the steady state.
 */
export class KeyframeCache {
  readonly #limits: KeyframeCacheLimits;
  readonly #pool: ChunkPool;
  readonly #maxPackets: number;
  readonly #chunks: Buffer[] = [];
  /** Bytes used of the last chunk. */
  #used = CHUNK_BYTES;
  #payloadBytes = 0;
  #chunkOf = new Uint16Array(0);
  #start = new Int32Array(0);
  #end = new Int32Array(0);
  #index = new Float64Array(0);
  #timestamp = new Float64Array(0);
  #frame = new Int32Array(0);
  #flags = new Uint8Array(0);
  #keyframeAt = 0;
  #keyframeTimestamp = -1;
  #keyframePackets = 0;
  #overflowed = false;

  /** Counts keyframes: a reader whose generation is old starts again at packet 0. */
  generation = 0;
  packets = 0;
  frames = 0;
  /** The largest track index cached, -1 when empty. */
  highestIndex = -1;

  constructor(limits: KeyframeCacheLimits, pool: ChunkPool) {
    this.#limits = limits;
    this.#pool = pool;
    this.#maxPackets = Math.max(FIRST_PACKETS, Math.floor(limits.maxBytes / MIN_AVERAGE_BYTES));
  }

  /** True when a viewer can begin here. */
  get isReady(): boolean {
    return this.packets > 0;
  }

  /** True when frames since the keyframe are missing: a viewer gets the picture, then waits for the next keyframe. */
  get isKeyframeOnly(): boolean {
    return this.#overflowed;
  }

  /** The newest frame's timestamp. */
  get newestTimestamp(): number {
    return this.packets === 0 ? 0 : (this.#timestamp[this.packets - 1] as number);
  }

  /** Memory held, bytes. */
  get heldBytes(): number {
    return this.#chunks.length * CHUNK_BYTES + this.#start.length * ENTRY_BYTES;
  }

  /** Takes a copy of a batch. Batches are split at keyframes, so that only the first packet can begin one. */
  append(batch: PacketBatch, nowMs: number): void {
    if (this.#limits.maxBytes === 0 || batch.count === 0) return;
    const beginsKeyframe = batch.startsWithKeyframe && batch.timestamp[0] !== this.#keyframeTimestamp;
    if (beginsKeyframe) this.#restart(batch.timestamp[0] as number, nowMs);
    else if (this.packets === 0 || this.#overflowed) return;

    if (batch.highestIndex > this.highestIndex) this.highestIndex = batch.highestIndex;
    const isOld = nowMs - this.#keyframeAt > this.#limits.maxAgeMs;
    for (let i = 0; i < batch.count; ) {
      const length = (batch.payloadEnd[i] as number) - (batch.payloadStart[i] as number);
      if (isOld || this.#isFull(length) || (this.#used + length > CHUNK_BYTES && !this.#nextChunk())) {
        this.#overflow();
        return;
      }
      i = this.#copyRun(batch, i);
    }
  }

  /** Copies packets that lie near each other, from the i-th on, in one go. @returns the first packet that is left */
  #copyRun(batch: PacketBatch, i: number): number {
    const start = batch.payloadStart[i] as number;
    const chunk = this.#chunks[this.#chunks.length - 1] as Buffer;
    const buffer = batch.buffers[i] as Buffer;
    let end = batch.payloadEnd[i] as number;
    this.#note(batch, i, this.#used, end - start);
    let next = i + 1;
    for (; next < batch.count && batch.buffers[next] === buffer; next++) {
      const nextStart = batch.payloadStart[next] as number;
      const nextEnd = batch.payloadEnd[next] as number;
      const gap = nextStart - end;
      if (gap < 0 || gap > MAX_GAP_BYTES || this.#used + nextEnd - start > CHUNK_BYTES) break;
      if (this.#isFull(nextEnd - nextStart)) break;
      this.#note(batch, next, this.#used + nextStart - start, nextEnd - nextStart);
      end = nextEnd;
    }
    buffer.copy(chunk, this.#used, start, end);
    this.#used += end - start;
    return next;
  }

  /** Enters a packet whose bytes are, or are about to be, in the last chunk. */
  #note(batch: PacketBatch, i: number, start: number, length: number): void {
    if (this.packets === this.#start.length) {
      this.#resize(Math.min(this.#maxPackets, Math.max(FIRST_PACKETS, this.#start.length * 2)));
    }
    const at = this.packets;
    const timestamp = batch.timestamp[i] as number;
    if (at === 0 || timestamp !== this.#timestamp[at - 1]) this.frames++;
    this.#chunkOf[at] = this.#chunks.length - 1;
    this.#start[at] = start;
    this.#end[at] = start + length;
    this.#payloadBytes += length;
    this.#index[at] = batch.index[i] as number;
    this.#timestamp[at] = timestamp;
    this.#frame[at] = this.frames - 1;
    this.#flags[at] = batch.flags[i] as number;
    this.packets++;
    if (timestamp === this.#keyframeTimestamp) this.#keyframePackets = this.packets;
  }

  /** Ordinal of a packet's frame in this generation, from 0. */
  frameOf(packet: number): number {
    return this.#frame[packet] as number;
  }

  /**
   * Moves packets from `from` on into `batch`, whole frames, about `maxBytes`, as many as fit.
   * @returns the next packet to read. The views are valid until the next `append` or `clear`.
   */
  read(from: number, batch: PacketBatch, maxBytes: number): number {
    let bytes = 0;
    let at = from;
    while (at < this.packets && !batch.isFull) {
      const isFrameStart = at === 0 || this.#frame[at] !== this.#frame[at - 1];
      if (isFrameStart && bytes >= maxBytes) break;
      const start = this.#start[at] as number;
      const end = this.#end[at] as number;
      bytes += end - start;
      batch.add(
        this.#chunks[this.#chunkOf[at] as number] as Buffer,
        start,
        end,
        this.#index[at] as number,
        this.#timestamp[at] as number,
        this.#flags[at] as number,
      );
      at++;
    }
    return at;
  }

  /** Forgets everything: the source changed. */
  clear(): void {
    this.#empty();
    this.#keyframeTimestamp = -1;
    this.generation++;
  }

  #restart(timestamp: number, nowMs: number): void {
    // A stream that calmed down gives the memory of its entries back.
    if (this.#start.length > 4 * Math.max(FIRST_PACKETS, this.packets)) {
      this.packets = 0;
      this.#resize(FIRST_PACKETS);
    }
    this.#empty();
    this.generation++;
    this.#keyframeTimestamp = timestamp;
    this.#keyframeAt = nowMs;
  }

  #empty(): void {
    this.packets = 0;
    this.frames = 0;
    this.highestIndex = -1;
    this.#keyframePackets = 0;
    this.#payloadBytes = 0;
    this.#overflowed = false;
    this.#releaseChunks(0);
  }

  #overflow(): void {
    const frameIsWhole =
      this.#keyframePackets > 0 && ((this.#flags[this.#keyframePackets - 1] as number) & PACKET.MARKER) !== 0;
    this.#overflowed = true;
    this.packets = frameIsWhole ? this.#keyframePackets : 0; // half a keyframe helps nobody
    this.frames = frameIsWhole ? 1 : 0;
    this.#releaseChunks(frameIsWhole ? (this.#chunkOf[this.packets - 1] as number) + 1 : 0);
  }

  #isFull(length: number): boolean {
    return (
      length > CHUNK_BYTES ||
      this.#payloadBytes + length > this.#limits.maxBytes ||
      this.packets >= this.#maxPackets ||
      this.#chunks.length >= MAX_CHUNKS
    );
  }

  /** @returns false when the worker has no memory left for caches. */
  #nextChunk(): boolean {
    const chunk = this.#pool.take();
    if (chunk === undefined) return false;
    this.#chunks.push(chunk);
    this.#used = 0;
    return true;
  }

  #releaseChunks(keep: number): void {
    while (this.#chunks.length > keep) {
      const chunk = this.#chunks.pop();
      if (chunk !== undefined) this.#pool.release(chunk);
    }
    this.#used = CHUNK_BYTES; // the next packet takes a chunk of its own
  }

  #resize(capacity: number): void {
    const keep = this.packets;
    const int = (old: Int32Array) => {
      const grown = new Int32Array(capacity);
      grown.set(old.subarray(0, keep));
      return grown;
    };
    const float = (old: Float64Array) => {
      const grown = new Float64Array(capacity);
      grown.set(old.subarray(0, keep));
      return grown;
    };
    const chunkOf = new Uint16Array(capacity);
    chunkOf.set(this.#chunkOf.subarray(0, keep));
    this.#chunkOf = chunkOf;
    this.#start = int(this.#start);
    this.#end = int(this.#end);
    this.#frame = int(this.#frame);
    this.#index = float(this.#index);
    this.#timestamp = float(this.#timestamp);
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags.subarray(0, keep));
    this.#flags = flags;
  }
}
