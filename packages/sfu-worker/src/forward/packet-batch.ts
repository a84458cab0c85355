/** Flags of a packet in a batch. */
export const PACKET = {
  /** RTP marker bit: the last packet of a frame. */
  MARKER: 1,
  /** A decoder can begin at this packet (parameter sets or the keyframe itself). */
  KEYFRAME_START: 2,
} as const;

/** A packet in all columns: index, timestamp, start, end, flags. */
export const PACKET_BYTES = 8 + 8 + 4 + 4 + 1;

/** Packets a batch: a 1 Mbit/s frame has 4 or 5, a 4K keyframe several batches. */
export const BATCH_PACKETS = 64;

/**
 * Packets of one track on their way to its viewers: at most a frame, as views on bytes that stay put until the batch
 * is flushed. A structure of arrays, filled and emptied in place, so that a packet costs no object.
 *
 * Only the payload is kept: every viewer gets a header of its own.
 */
export class PacketBatch {
  readonly capacity: number;
  count = 0;
  /** The largest index in the batch, -1 when empty: packets may be out of order. */
  highestIndex = -1;
  /** Whose bytes all packets are; undefined when they are of more than one, or when there are none. */
  commonBuffer: Buffer | undefined;
  /** All columns below, one behind the other, for a media path that reads memory (native/src/layout.h). */
  readonly columns: Uint8Array;
  /** Whose bytes; entries past `count` may be stale. */
  readonly buffers: Buffer[];
  readonly payloadStart: Int32Array;
  readonly payloadEnd: Int32Array;
  /** The track's packet index: it counts on over source changes and never repeats. */
  readonly index: Float64Array;
  /** The track's RTP timestamp, unsigned 32 bits. */
  readonly timestamp: Float64Array;
  readonly flags: Uint8Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.buffers = new Array<Buffer>(capacity).fill(Buffer.alloc(0));
    const memory = new ArrayBuffer(capacity * PACKET_BYTES);
    this.columns = new Uint8Array(memory);
    this.index = new Float64Array(memory, 0, capacity);
    this.timestamp = new Float64Array(memory, 8 * capacity, capacity);
    this.payloadStart = new Int32Array(memory, 16 * capacity, capacity);
    this.payloadEnd = new Int32Array(memory, 20 * capacity, capacity);
    this.flags = new Uint8Array(memory, 24 * capacity, capacity);
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  get startsWithKeyframe(): boolean {
    return this.count > 0 && ((this.flags[0] as number) & PACKET.KEYFRAME_START) !== 0;
  }

  /** The caller has checked `isFull`. The bytes are borrowed until `clear`. */
  add(buffer: Buffer, start: number, end: number, index: number, timestamp: number, flags: number): void {
    const at = this.count++;
    if (at === 0) this.commonBuffer = buffer;
    else if (this.commonBuffer !== buffer) this.commonBuffer = undefined;
    this.buffers[at] = buffer;
    this.payloadStart[at] = start;
    this.payloadEnd[at] = end;
    this.index[at] = index;
    this.timestamp[at] = timestamp;
    this.flags[at] = flags;
    if (index > this.highestIndex) this.highestIndex = index;
  }

  clear(): void {
    this.count = 0;
    this.highestIndex = -1;
    this.commonBuffer = undefined;
  }
}
