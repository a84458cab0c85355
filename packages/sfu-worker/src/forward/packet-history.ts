import type { PacketBatch } from './packet-batch.ts';

/** Packets kept for retransmission; at 1,200 bytes about 0.6 MB a stream. */
const PACKETS = 512;
const SLOT = 1500;

/**
 * The last packets of a track for viewers that send NACKs (`nack: on`): one history a stream, shared by its viewers
 *, so that its price is a copy a packet and a fixed piece of memory, not one a viewer.
 */
export class PacketHistory {
  readonly #bytes = Buffer.allocUnsafeSlow(PACKETS * SLOT);
  readonly #length = new Int32Array(PACKETS);
  readonly #index = new Float64Array(PACKETS).fill(-1);
  readonly #timestamp = new Float64Array(PACKETS);
  readonly #flags = new Uint8Array(PACKETS);

  append(batch: PacketBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const index = batch.index[i] as number;
      const at = index % PACKETS;
      const start = batch.payloadStart[i] as number;
      const length = (batch.payloadEnd[i] as number) - start;
      if (length > SLOT) continue;
      (batch.buffers[i] as Buffer).copy(this.#bytes, at * SLOT, start, start + length);
      this.#length[at] = length;
      this.#index[at] = index;
      this.#timestamp[at] = batch.timestamp[i] as number;
      this.#flags[at] = batch.flags[i] as number;
    }
  }

  /** Adds the packet with this track index to `batch`. @returns false when it is gone. The view is valid until `append`. */
  find(index: number, batch: PacketBatch): boolean {
    if (index < 0) return false;
    const at = index % PACKETS;
    if (this.#index[at] !== index) return false;
    batch.add(
      this.#bytes,
      at * SLOT,
      at * SLOT + (this.#length[at] as number),
      index,
      this.#timestamp[at] as number,
      this.#flags[at] as number,
    );
    return true;
  }
}
