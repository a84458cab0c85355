/** Bytes of a packet in a slot: an Ethernet frame's payload. */
export const SLOT_BYTES = 1500;
/** Before each packet, for the media path's own use (the HMAC's key block). */
export const SLOT_HEADROOM = 64;
/** From slot to slot; a multiple of 16, so that packets are aligned. Behind a packet and its tag is room for SHA-1's padding. */
export const SLOT_STRIDE = 1648;

/**
 * Where outgoing packets are built and encrypted: fixed slots in one ArrayBuffer. Slots are taken in order
 * and are all free again once the socket has nothing queued, which with UDP is nearly always: so a packet costs no
 * allocation, no bookkeeping, and the same warm memory serves every viewer. When the socket is slow the slots run out,
 * and the caller drops and counts.
 */
export class PacketPool {
  readonly slots: number;
  /** One buffer over all slots. */
  readonly bytes: Buffer;
  #next = 0;

  /** @param bytes of the slots, where they must be in a certain memory */
  constructor(slots: number, bytes = Buffer.allocUnsafeSlow(slots * SLOT_STRIDE)) {
    if (bytes.length < slots * SLOT_STRIDE) throw new RangeError('the slots do not fit this memory');
    this.slots = slots;
    this.bytes = bytes;
  }

  /** Slots that are with the socket. */
  get used(): number {
    return this.#next;
  }

  /** Offset of a free slot's packet in `bytes`, or -1. SLOT_HEADROOM bytes before it are free too. */
  acquire(): number {
    return this.#next < this.slots ? this.#next++ * SLOT_STRIDE + SLOT_HEADROOM : -1;
  }

  /** Takes `count` slots from number `used` on, which the caller knows to be there. */
  take(count: number): void {
    this.#next += count;
  }

  /** Call when the socket's queue is empty: every slot is free. */
  releaseAll(): void {
    this.#next = 0;
  }
}
