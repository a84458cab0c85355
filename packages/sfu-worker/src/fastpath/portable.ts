import { type FastPathDetail, type Telemetry, TRACK_COUNTER, trackCounter, WORKER } from '@shardcast/shared';
import type { Leg } from '../forward/leg.ts';
import type { LegGroup } from '../forward/leg-group.ts';
import { PACKET, type PacketBatch } from '../forward/packet-batch.ts';
import { type PacketPool, SLOT_BYTES, SLOT_HEADROOM } from '../forward/packet-pool.ts';
import type { PacketRun } from '../session/srtp/protect.ts';
import type { CipherKeys, SrtpProfile } from '../session/srtp/session-keys.ts';
import type { Destination, FastPath } from './fast-path.ts';
import type { WasmFanOut, WasmSession } from './wasm-fan-out.ts';

const HEADER_BYTES = 12;
/** AEAD_AES_128_GCM's tag, the longer one (RFC 7714 §14.2). */
const MAX_TAG_BYTES = 16;
const MAX_PAYLOAD_BYTES = SLOT_BYTES - MAX_TAG_BYTES - HEADER_BYTES;

/** Packets protected in one call: a frame, or a good part of a large one. */
const RUN_PACKETS = 32;

/** The socket, as the portable path needs it. */
export interface DatagramSink {
  /** Datagrams that it still holds: 0 means that every slot may be reused. */
  readonly queued: number;
  /** Borrows the bytes until `queued` is 0. Never throws. */
  send(bytes: Buffer, start: number, length: number, destination: Destination): void;
  /** The same for a buffer that is a datagram as a whole. */
  sendWhole(datagram: Buffer, destination: Destination): void;
}

/** What a session's packets are protected with: by runs, or by its keys where they are known. */
type RunProtector = {
  readonly profile?: SrtpProfile;
  readonly rtpKeys?: CipherKeys;
  protectRun(run: PacketRun, headerLength: number): void;
};

type Channel = {
  readonly sender: RunProtector;
  /** In the WebAssembly module. */
  readonly session: WasmSession | undefined;
  destination: Destination | undefined;
};

/**
 * The media path that is always there. Sessions with AES128_CM_HMAC_SHA1_80 are served by the WebAssembly module, four viewers
 * at a time. What is written in TypeScript here serves the others and where there is no module, and is the reference for every
 * other way.
 */
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
  readonly #freeChannels: number[] = [];
  readonly #wasm: WasmFanOut | undefined;
  /** Legs of the call that is being put together, their channels, and whether they get packets that were never sent before. */
  readonly #legs: Leg[] = [];
  readonly #legChannels: Channel[] = [];
  readonly #legIsNewest: boolean[] = [];
  /** First packet of the part of the batch that the module holds, -1 for none. */
  #loaded = -1;
  #lastTimestamp = 0;

  get detail(): FastPathDetail {
    return { cipher: this.#wasm === undefined ? 'node' : 'webassembly', offload: 'none' };
  }

  /** @param wasm with the pool of its own, unless everything is to be done in TypeScript */
  constructor(pool: PacketPool | undefined, socket: DatagramSink, telemetry: Telemetry, wasm?: WasmFanOut) {
    this.#wasm = wasm;
    this.#pool = pool;
    this.#socket = socket;
    this.#telemetry = telemetry;
    this.#run = makeRun(pool?.bytes ?? Buffer.alloc(0), Math.min(RUN_PACKETS, pool?.slots ?? RUN_PACKETS));
  }

  openChannel(sender: RunProtector): number {
    const channel = this.#freeChannels.pop() ?? this.#channels.length;
    const session =
      sender.profile === 1 && sender.rtpKeys !== undefined ? this.#wasm?.openSession(sender.rtpKeys) : undefined;
    this.#channels[channel] = { sender, session, destination: undefined };
    return channel;
  }

  setDestination(channel: number, destination: Destination): void {
    const known = this.#channels[channel];
    if (known !== undefined) known.destination = destination;
  }

  closeChannel(channel: number): void {
    const known = this.#channels[channel];
    if (known === undefined) return;
    if (known.session !== undefined) this.#wasm?.closeSession(known.session);
    this.#channels[channel] = undefined;
    this.#freeChannels.push(channel);
  }

  opener(): undefined {
    return undefined;
  }

  forward(batch: PacketBatch, group: LegGroup, nowMs: number, timestamps?: Float64Array): number {
    const { legs } = group;
    const times = timestamps ?? batch.timestamp;
    this.#loaded = -1;
    let sent = 0;
    let gathered = 0;
    for (let i = 0; i < legs.length; i++) {
      const leg = legs[i] as Leg;
      const channel = this.#channels[leg.channel];
      if (channel?.destination === undefined) continue;
      const isNewest = useIndexes(leg, batch);
      if (channel.session === undefined || this.#wasm === undefined) {
        sent += this.#forwardTo(leg, channel.sender, channel.destination, batch, nowMs, times, isNewest);
        continue;
      }
      this.#legs[gathered] = leg;
      this.#legChannels[gathered] = channel;
      this.#legIsNewest[gathered] = isNewest;
      if (++gathered < this.#wasm.maxLegs) continue;
      sent += this.#forwardGathered(this.#wasm, gathered, batch, nowMs, times);
      gathered = 0;
    }
    if (gathered > 0 && this.#wasm !== undefined) {
      sent += this.#forwardGathered(this.#wasm, gathered, batch, nowMs, times);
    }
    this.#telemetry.add(WORKER.datagramsOut, sent);
    return sent;
  }

  #forwardGathered(wasm: WasmFanOut, legs: number, batch: PacketBatch, nowMs: number, times: Float64Array): number {
    let sent = 0;
    for (let first = 0; first < batch.count; first += wasm.maxPackets) {
      if (this.#loaded !== first) {
        wasm.load(batch, first, Math.min(batch.count, first + wasm.maxPackets), times, MAX_PAYLOAD_BYTES);
        this.#loaded = first;
      }
      for (let i = 0; i < legs; i++) {
        const { session } = this.#legChannels[i] as Channel;
        if (session !== undefined) wasm.setLeg(i, this.#legs[i] as Leg, session);
      }
      if (this.#socket.queued === 0) wasm.pool.releaseAll();
      wasm.protect(legs);
      let job = 0;
      for (let i = 0; i < legs; i++) {
        const leg = this.#legs[i] as Leg;
        const { destination } = this.#legChannels[i] as Channel;
        const datagrams = wasm.legDatagrams(i);
        const dropped = wasm.legDropped(i);
        if (dropped > 0) {
          this.#telemetry.add(WORKER.droppedNoSlot, dropped);
          leg.isStarved = true;
        }
        if (datagrams === 0 || destination === undefined) continue;
        for (const end = job + datagrams; job < end; job++) this.#socket.sendWhole(wasm.datagram(job), destination);
        count(leg, datagrams, wasm.legOctets(i));
        if (this.#legIsNewest[i] === true) stamp(leg, wasm.legLastTimestamp(i), nowMs);
        sent += datagrams;
      }
    }
    for (let i = 0; i < batch.count; i++) {
      if ((batch.payloadEnd[i] as number) - (batch.payloadStart[i] as number) > MAX_PAYLOAD_BYTES) {
        this.#countTooBig(batch.index[i] as number, legs);
      }
    }
    return sent;
  }

  #countTooBig(trackIndex: number, legs: number): void {
    for (let i = 0; i < legs; i++) {
      if (trackIndex >= (this.#legs[i] as Leg).firstIndex) this.#telemetry.add(WORKER.droppedTooBig);
    }
  }

  #forwardTo(
    leg: Leg,
    sender: RunProtector,
    destination: Destination,
    batch: PacketBatch,
    nowMs: number,
    times: Float64Array,
    isNewest: boolean,
  ): number {
    const pool = this.#pool;
    let sent = 0;
    let octets = 0;
    const run = this.#run;
    for (let first = 0; first < batch.count; first += run.starts.length) {
      run.count = 0;
      if (pool !== undefined && this.#socket.queued === 0) pool.releaseAll();
      const end = Math.min(batch.count, first + run.starts.length);
      for (let i = first; i < end; i++) octets += this.#build(leg, batch, i, times);
      if (pool === undefined) {
        sent += this.#sendUnpooled(sender, destination);
        continue;
      }
      sender.protectRun(run, HEADER_BYTES);
      for (let i = 0; i < run.count; i++) {
        this.#socket.send(run.bytes, run.starts[i] as number, run.lengths[i] as number, destination);
      }
      sent += run.count;
    }

    if (sent > 0) count(leg, sent, octets);
    if (sent > 0 && isNewest) stamp(leg, this.#lastTimestamp, nowMs);
    return sent;
  }

  /** Writes one packet of the batch into a slot and adds it to the run. @returns its payload's bytes, 0 when dropped. */
  #build(leg: Leg, batch: PacketBatch, i: number, times: Float64Array): number {
    const trackIndex = batch.index[i] as number;
    if (trackIndex < leg.firstIndex) return 0;
    const start = batch.payloadStart[i] as number;
    const end = batch.payloadEnd[i] as number;
    const length = HEADER_BYTES + end - start;
    if (end - start > MAX_PAYLOAD_BYTES) {
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

/**
 * Counts a batch's output indexes as used before they are: what may have been sent is never sent under another packet's
 * index (RFC 3711 §9.1).
 * @returns false for packets that are late or repeated
 */
function useIndexes(leg: Leg, batch: PacketBatch): boolean {
  const next = batch.highestIndex + leg.indexDelta + 1;
  const out = trackCounter(leg.track, TRACK_COUNTER.OUT);
  if (next <= (leg.counters[out] as number)) return false;
  leg.counters[out] = next;
  return true;
}

function count(leg: Leg, packets: number, octets: number): void {
  const { counters } = leg;
  const at = trackCounter(leg.track, TRACK_COUNTER.PACKETS);
  const octetsAt = trackCounter(leg.track, TRACK_COUNTER.OCTETS);
  counters[at] = (counters[at] as number) + packets;
  counters[octetsAt] = (counters[octetsAt] as number) + octets;
}

/** For sender reports, which keep the newest pair: a late or repeated packet says nothing about now. */
function stamp(leg: Leg, timestamp: number, nowMs: number): void {
  leg.counters[trackCounter(leg.track, TRACK_COUNTER.LAST_TIMESTAMP)] = timestamp;
  leg.counters[trackCounter(leg.track, TRACK_COUNTER.LAST_TIMESTAMP_AT)] = nowMs;
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
