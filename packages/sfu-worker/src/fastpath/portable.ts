import { type Telemetry, TRACK_COUNTER, trackCounter, WORKER } from '@shardcast/shared';
import type { Leg } from '../forward/leg.ts';
import type { LegGroup } from '../forward/leg-group.ts';
import { PACKET, type PacketBatch } from '../forward/packet-batch.ts';
import { type PacketPool, SLOT_BYTES, SLOT_HEADROOM } from '../forward/packet-pool.ts';
import type { PacketRun } from '../session/srtp/protect.ts';
import type { Destination, FastPath } from './fast-path.ts';

const HEADER_BYTES = 12;
/** AEAD_AES_128_GCM's tag, the longer one (RFC 7714 §14.2). */
const MAX_TAG_BYTES = 16;

/** Packets protected in one call: a frame, or a good part of a large one. */
const RUN_PACKETS = 32;

/** The socket, as the portable path needs it. */
export interface DatagramSink {
  /** Datagrams that it still holds: 0 means that every slot may be reused. */
  readonly queued: number;
  /** Borrows the bytes until `queued` is 0. Never throws. */
  send(bytes: Buffer, start: number, length: number, destination: Destination): void;
}

/** What a session's packets are protected with. */
type RunProtector = { protectRun(run: PacketRun, headerLength: number): void };

type Channel = { readonly sender: RunProtector; destination: Destination | undefined };

/** The media path in TypeScript: always there, and the reference for any other. */
export class PortableFastPath implements FastPath {
  readonly name = 'portable';
  /** AES128_CM_HMAC_SHA1_80 costs a third of GCM, for which node:crypto needs an object a packet (docs/benchmarks.md). */
  readonly profiles = [1, 7] as const;
  /** Undefined allocates a buffer a packet, for comparison only (`bufferPool: off`). */
  readonly #pool: PacketPool | undefined;
  readonly #socket: DatagramSink;
  readonly #telemetry: Telemetry;
  readonly #run: PacketRun;
  readonly #one: PacketRun = makeRun(Buffer.alloc(0), 1);
  readonly #unpooled: Buffer[] = [];
  readonly #channels: (Channel | undefined)[] = [];
  #lastTimestamp = 0;

  constructor(pool: PacketPool | undefined, socket: DatagramSink, telemetry: Telemetry) {
    this.#pool = pool;
    this.#socket = socket;
    this.#telemetry = telemetry;
    this.#run = makeRun(pool?.bytes ?? Buffer.alloc(0), Math.min(RUN_PACKETS, pool?.slots ?? RUN_PACKETS));
  }

  openChannel(sender: RunProtector): number {
    const free = this.#channels.indexOf(undefined);
    const channel = free < 0 ? this.#channels.length : free;
    this.#channels[channel] = { sender, destination: undefined };
    return channel;
  }

  setDestination(channel: number, destination: Destination): void {
    const known = this.#channels[channel];
    if (known !== undefined) known.destination = destination;
  }

  closeChannel(channel: number): void {
    if (channel < this.#channels.length) this.#channels[channel] = undefined;
  }

  opener(): undefined {
    return undefined;
  }

  forward(batch: PacketBatch, group: LegGroup, nowMs: number, timestamps?: Float64Array): number {
    const { legs } = group;
    let sent = 0;
    for (let i = 0; i < legs.length; i++) sent += this.#forwardTo(legs[i] as Leg, batch, nowMs, timestamps);
    return sent;
  }

  #forwardTo(leg: Leg, batch: PacketBatch, nowMs: number, timestamps: Float64Array | undefined): number {
    const channel = this.#channels[leg.channel];
    const destination = channel?.destination;
    if (channel === undefined || destination === undefined) return 0;
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
      if (pool !== undefined && this.#socket.queued === 0) pool.releaseAll();
      const end = Math.min(batch.count, first + run.starts.length);
      for (let i = first; i < end; i++) octets += this.#build(leg, batch, i, timestamps ?? batch.timestamp);
      if (pool === undefined) {
        sent += this.#sendUnpooled(channel.sender, destination);
        continue;
      }
      channel.sender.protectRun(run, HEADER_BYTES);
      for (let i = 0; i < run.count; i++) {
        this.#socket.send(run.bytes, run.starts[i] as number, run.lengths[i] as number, destination);
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
      leg.isStarved = true;
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
  #sendUnpooled(sender: RunProtector, destination: Destination): number {
    const one = this.#one;
    one.count = 1;
    for (let i = 0; i < this.#run.count; i++) {
      one.bytes = this.#unpooled[i] as Buffer;
      one.starts[0] = this.#run.starts[i] as number;
      one.lengths[0] = this.#run.lengths[i] as number;
      one.indexes[0] = this.#run.indexes[i] as number;
      sender.protectRun(one, HEADER_BYTES);
      this.#socket.send(one.bytes, one.starts[0], one.lengths[0], destination);
    }
    const sent = this.#run.count;
    this.#unpooled.length = 0;
    return sent;
  }

  #count(field: number): void {
    this.#telemetry.add(field);
  }
}

function makeRun(bytes: Buffer, packets: number): PacketRun {
  return {
    bytes,
    starts: new Int32Array(packets),
    lengths: new Int32Array(packets),
    indexes: new Float64Array(packets),
    count: 0,
  };
}
