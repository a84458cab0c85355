import { type Telemetry, TRACK_COUNTER, trackCounter, WORKER } from '@shardcast/shared';
import type { Leg, OutgoingRun } from '../forward/leg.ts';
import { PACKET, type PacketBatch } from '../forward/packet-batch.ts';
import { type PacketPool, SLOT_BYTES, SLOT_HEADROOM } from '../forward/packet-pool.ts';
import type { FastPath } from './fast-path.ts';

const HEADER_BYTES = 12;
/** AEAD_AES_128_GCM's tag, the longer one (RFC 7714 §14.2). */
const MAX_TAG_BYTES = 16;

/** Packets protected in one call: a frame, or a good part of a large one. */
const RUN_PACKETS = 32;

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
  readonly #run: OutgoingRun;
  readonly #one: OutgoingRun = makeRun(Buffer.alloc(0), 1);
  readonly #unpooled: Buffer[] = [];
  #lastTimestamp = 0;

  constructor(pool: PacketPool | undefined, queue: DatagramQueue, telemetry: Telemetry) {
    this.#pool = pool;
    this.#queue = queue;
    this.#telemetry = telemetry;
    this.#run = makeRun(pool?.bytes ?? Buffer.alloc(0), Math.min(RUN_PACKETS, pool?.slots ?? RUN_PACKETS));
  }

  forward(batch: PacketBatch, legs: readonly Leg[], nowMs: number, timestamps?: Float64Array): number {
    let sent = 0;
    for (let i = 0; i < legs.length; i++) sent += this.#forwardTo(legs[i] as Leg, batch, nowMs, timestamps);
    return sent;
  }

  #forwardTo(leg: Leg, batch: PacketBatch, nowMs: number, timestamps: Float64Array | undefined): number {
    const pool = this.#pool;
    const counters = leg.counters;

    // Shared counters first: an index that may have been used is never handed out again (RFC 3711 §9.1).
    const next = batch.highestIndex + leg.indexDelta + 1;
    const out = trackCounter(leg.track, TRACK_COUNTER.OUT);
    const isNewest = next > (counters[out] as number);
    if (isNewest) counters[out] = next;

    let sent = 0;
    let octets = 0;
    const run = this.#run;
    for (let first = 0; first < batch.count; first += run.starts.length) {
      run.count = 0;
      if (pool !== undefined && this.#queue.queued === 0) pool.releaseAll();
      const end = Math.min(batch.count, first + run.starts.length);
      for (let i = first; i < end; i++) octets += this.#build(leg, batch, i, timestamps ?? batch.timestamp);
      if (pool === undefined) {
        sent += this.#sendUnpooled(leg);
        continue;
      }
      leg.transport.protectRun(run, HEADER_BYTES);
      for (let i = 0; i < run.count; i++) {
        leg.transport.send(run.bytes, run.starts[i] as number, run.lengths[i] as number);
      }
      sent += run.count;
    }

    if (sent > 0) {
      const packets = trackCounter(leg.track, TRACK_COUNTER.PACKETS);
      const octetsOut = trackCounter(leg.track, TRACK_COUNTER.OCTETS);
      counters[packets] = (counters[packets] as number) + sent;
      counters[octetsOut] = (counters[octetsOut] as number) + octets;
    }
    // A late or repeated packet says nothing about now: sender reports keep the newest pair.
    if (sent > 0 && isNewest) {
      counters[trackCounter(leg.track, TRACK_COUNTER.LAST_TIMESTAMP)] = this.#lastTimestamp;
      counters[trackCounter(leg.track, TRACK_COUNTER.LAST_TIMESTAMP_AT)] = nowMs;
    }
    return sent;
  }

  /** Writes one packet of the batch into a slot and adds it to the run. @returns its payload's bytes, 0 when dropped. */
  #build(leg: Leg, batch: PacketBatch, i: number, times: Float64Array): number {
    const trackIndex = batch.index[i] as number;
    if (trackIndex < leg.firstIndex) return 0;
    const start = batch.payloadStart[i] as number;
    const end = batch.payloadEnd[i] as number;
    const length = HEADER_BYTES + end - start;
    if (length + MAX_TAG_BYTES > SLOT_BYTES) {
      this.#count(WORKER.droppedTooBig);
      return 0;
    }
    const run = this.#run;
    const at = run.count;
    const bytes = this.#pool?.bytes ?? Buffer.allocUnsafeSlow(SLOT_HEADROOM + SLOT_BYTES);
    const slot = this.#pool === undefined ? SLOT_HEADROOM : this.#pool.acquire();
    if (slot < 0) {
      this.#count(WORKER.droppedNoSlot);
      return 0;
    }
    const index = trackIndex + leg.indexDelta;
    this.#lastTimestamp = ((times[i] as number) + leg.timestampOffset) % 0x1_0000_0000;
    const marker = ((batch.flags[i] as number) & PACKET.MARKER) !== 0 ? 0x80 : 0;
    bytes[slot] = 0x80; // RFC 3550 §5.1: version 2, nothing optional
    bytes[slot + 1] = marker | leg.payloadType;
    bytes.writeUInt16BE(index % 0x1_0000, slot + 2);
    bytes.writeUInt32BE(this.#lastTimestamp, slot + 4);
    bytes.writeUInt32BE(leg.ssrc, slot + 8);
    (batch.buffers[i] as Buffer).copy(bytes, slot + HEADER_BYTES, start, end);
    if (this.#pool === undefined) this.#unpooled[at] = bytes;
    run.starts[at] = slot;
    run.lengths[at] = length;
    run.indexes[at] = index;
    run.count++;
    return end - start;
  }

  /** `bufferPool: off`: each packet has memory of its own and is protected by itself, as servers without a pool do. */
  #sendUnpooled(leg: Leg): number {
    const one = this.#one;
    one.count = 1;
    for (let i = 0; i < this.#run.count; i++) {
      one.bytes = this.#unpooled[i] as Buffer;
      one.starts[0] = this.#run.starts[i] as number;
      one.lengths[0] = this.#run.lengths[i] as number;
      one.indexes[0] = this.#run.indexes[i] as number;
      leg.transport.protectRun(one, HEADER_BYTES);
      leg.transport.send(one.bytes, one.starts[0], one.lengths[0]);
    }
    const sent = this.#run.count;
    this.#unpooled.length = 0;
    return sent;
  }

  #count(field: number): void {
    this.#telemetry.add(field);
  }
}

function makeRun(bytes: Buffer, packets: number): OutgoingRun {
  return {
    bytes,
    starts: new Int32Array(packets),
    lengths: new Int32Array(packets),
    indexes: new Float64Array(packets),
    count: 0,
  };
}
