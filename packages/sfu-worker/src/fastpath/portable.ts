import { type Telemetry, TRACK_COUNTER, trackCounter, WORKER } from '@shardcast/shared';
import type { Leg } from '../forward/leg.ts';
import { PACKET, type PacketBatch } from '../forward/packet-batch.ts';
import { type PacketPool, SLOT_BYTES } from '../forward/packet-pool.ts';
import type { FastPath } from './fast-path.ts';

const HEADER_BYTES = 12;
/** AEAD_AES_128_GCM's tag, the longer one (RFC 7714 §14.2). */
const MAX_TAG_BYTES = 16;

/** How many datagrams the socket still holds: 0 means that every slot may be reused. */
export interface DatagramQueue {
  readonly queued: number;
}

/** The media path in TypeScript: always there, and the reference for any other. */
export class PortableFastPath implements FastPath {
  readonly name = 'portable';
  /** Undefined allocates a buffer a packet, for comparison only (`bufferPool: off`). */
  readonly #pool: PacketPool | undefined;
  readonly #queue: DatagramQueue;
  readonly #telemetry: Telemetry;

  constructor(pool: PacketPool | undefined, queue: DatagramQueue, telemetry: Telemetry) {
    this.#pool = pool;
    this.#queue = queue;
    this.#telemetry = telemetry;
  }

  forward(batch: PacketBatch, legs: readonly Leg[], nowMs: number, timestamps?: Float64Array): number {
    let sent = 0;
    for (let i = 0; i < legs.length; i++) sent += this.#forwardTo(legs[i] as Leg, batch, nowMs, timestamps);
    return sent;
  }

  #forwardTo(leg: Leg, batch: PacketBatch, nowMs: number, timestamps: Float64Array | undefined): number {
    const pool = this.#pool;
    if (pool !== undefined && this.#queue.queued === 0) pool.releaseAll();
    const counters = leg.counters;
    const times = timestamps ?? batch.timestamp;
    let sent = 0;
    let octets = 0;
    let lastTimestamp = -1;

    // Shared counters first: an index that may have been used is never handed out again (RFC 3711 §9.1).
    const next = batch.highestIndex + leg.indexDelta + 1;
    const out = trackCounter(leg.track, TRACK_COUNTER.OUT);
    if (next > (counters[out] as number)) counters[out] = next;

    for (let i = 0; i < batch.count; i++) {
      const trackIndex = batch.index[i] as number;
      if (trackIndex < leg.firstIndex) continue;
      const start = batch.payloadStart[i] as number;
      const end = batch.payloadEnd[i] as number;
      const length = HEADER_BYTES + end - start;
      if (length + MAX_TAG_BYTES > SLOT_BYTES) {
        this.#count(WORKER.droppedTooBig);
        continue;
      }
      const bytes = pool === undefined ? Buffer.allocUnsafe(SLOT_BYTES) : pool.bytes;
      const slot = pool === undefined ? 0 : this.#acquire(pool);
      if (slot < 0) {
        this.#count(WORKER.droppedNoSlot);
        continue;
      }
      const index = trackIndex + leg.indexDelta;
      const timestamp = ((times[i] as number) + leg.timestampOffset) % 0x1_0000_0000;
      const marker = ((batch.flags[i] as number) & PACKET.MARKER) !== 0 ? 0x80 : 0;
      bytes[slot] = 0x80; // RFC 3550 §5.1: version 2, nothing optional
      bytes[slot + 1] = marker | leg.payloadType;
      bytes.writeUInt16BE(index % 0x1_0000, slot + 2);
      bytes.writeUInt32BE(timestamp, slot + 4);
      bytes.writeUInt32BE(leg.ssrc, slot + 8);
      (batch.buffers[i] as Buffer).copy(bytes, slot + HEADER_BYTES, start, end);
      const protectedLength = leg.transport.protect(bytes, slot, HEADER_BYTES, length, index);
      leg.transport.send(bytes, slot, protectedLength);
      sent++;
      octets += end - start;
      lastTimestamp = timestamp;
    }

    if (sent > 0) {
      const packets = trackCounter(leg.track, TRACK_COUNTER.PACKETS);
      const octetsOut = trackCounter(leg.track, TRACK_COUNTER.OCTETS);
      counters[packets] = (counters[packets] as number) + sent;
      counters[octetsOut] = (counters[octetsOut] as number) + octets;
      counters[trackCounter(leg.track, TRACK_COUNTER.LAST_TIMESTAMP)] = lastTimestamp;
      counters[trackCounter(leg.track, TRACK_COUNTER.LAST_TIMESTAMP_AT)] = nowMs;
    }
    return sent;
  }

  #acquire(pool: PacketPool): number {
    const slot = pool.acquire();
    if (slot >= 0) return slot;
    if (this.#queue.queued !== 0) return -1;
    pool.releaseAll();
    return pool.acquire();
  }

  #count(field: number): void {
    const counters = this.#telemetry.counters;
    counters[field] = (counters[field] as number) + 1;
  }
}
