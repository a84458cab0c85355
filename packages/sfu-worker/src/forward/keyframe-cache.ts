import { PACKET, type PacketBatch } from './packet-batch.ts';

export type KeyframeCacheLimits = {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
};

const FIRST_BYTES = 32 * 1024;
const FIRST_PACKETS = 64;

/**
 * The newest keyframe of a track and the frames since, so that a viewer who joins gets a picture at once and not after
 * the next GOP. Bounded by bytes and age: past a bound only the keyframe is kept, which still gives a picture.
 *
 * Packets are copied in, so the cache owns its bytes. Memory follows the stream's GOP size and is reused from one GOP
 * to the next: nothing is allocated in the steady state.
 */
export class KeyframeCache {
  readonly #limits: KeyframeCacheLimits;
  #bytes: Buffer = Buffer.alloc(0);
  #used = 0;
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

  constructor(limits: KeyframeCacheLimits) {
    this.#limits = limits;
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
    return this.#bytes.length + this.#start.length * 29;
  }

  /** Takes a copy of a batch. Batches are split at keyframes, so that only the first packet can begin one. */
  append(batch: PacketBatch, nowMs: number): void {
    if (this.#limits.maxBytes === 0 || batch.count === 0) return;
    const beginsKeyframe = batch.startsWithKeyframe && batch.timestamp[0] !== this.#keyframeTimestamp;
    if (beginsKeyframe) this.#restart(batch.timestamp[0] as number, nowMs);
    else if (this.packets === 0 || this.#overflowed) return;

    for (let i = 0; i < batch.count; i++) {
      const start = batch.payloadStart[i] as number;
      const length = (batch.payloadEnd[i] as number) - start;
      if (this.#used + length > this.#limits.maxBytes || nowMs - this.#keyframeAt > this.#limits.maxAgeMs) {
        this.#overflow();
        return;
      }
      this.#reserve(length);
      const at = this.packets;
      const timestamp = batch.timestamp[i] as number;
      if (at === 0 || timestamp !== this.#timestamp[at - 1]) this.frames++;
      (batch.buffers[i] as Buffer).copy(this.#bytes, this.#used, start, start + length);
      this.#start[at] = this.#used;
      this.#end[at] = this.#used += length;
      this.#index[at] = batch.index[i] as number;
      this.#timestamp[at] = timestamp;
      this.#frame[at] = this.frames - 1;
      this.#flags[at] = batch.flags[i] as number;
      this.packets++;
      if (timestamp === this.#keyframeTimestamp) this.#keyframePackets = this.packets;
    }
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
        this.#bytes,
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
    this.#shrink();
    this.#empty();
    this.generation++;
    this.#keyframeTimestamp = timestamp;
    this.#keyframeAt = nowMs;
  }

  #empty(): void {
    this.packets = 0;
    this.frames = 0;
    this.#used = 0;
    this.#keyframePackets = 0;
    this.#overflowed = false;
  }

  #overflow(): void {
    const frameIsWhole =
      this.#keyframePackets > 0 && ((this.#flags[this.#keyframePackets - 1] as number) & PACKET.MARKER) !== 0;
    this.#overflowed = true;
    this.packets = frameIsWhole ? this.#keyframePackets : 0; // half a keyframe helps nobody
    this.frames = frameIsWhole ? 1 : 0;
    this.#used = frameIsWhole ? (this.#end[this.packets - 1] as number) : 0;
  }

  #reserve(length: number): void {
    if (this.#used + length > this.#bytes.length) {
      const wanted = Math.max(FIRST_BYTES, this.#bytes.length * 1.5, this.#used + length);
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#limits.maxBytes, Math.ceil(wanted)));
      this.#bytes.copy(grown, 0, 0, this.#used);
      this.#bytes = grown;
    }
    if (this.packets === this.#start.length) this.#resize(Math.max(FIRST_PACKETS, this.#start.length * 2));
  }

  /** A stream that calmed down gives memory back at its next keyframe. */
  #shrink(): void {
    if (this.#bytes.length <= 4 * Math.max(FIRST_BYTES, this.#used)) return;
    this.#bytes = Buffer.allocUnsafeSlow(2 * Math.max(FIRST_BYTES, this.#used));
    this.packets = 0;
    this.#resize(FIRST_PACKETS);
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
