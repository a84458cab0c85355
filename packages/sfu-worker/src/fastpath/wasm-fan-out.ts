import { type Cipher, createCipheriv } from 'node:crypto';
import type { Leg } from '../forward/leg.ts';
import { PACKET, type PacketBatch } from '../forward/packet-batch.ts';
import { PacketPool, SLOT_HEADROOM, SLOT_STRIDE } from '../forward/packet-pool.ts';
import type { CipherKeys } from '../session/srtp/session-keys.ts';
import { loadWasmModule, type WasmInstance, type WasmLayout } from './wasm-module.ts';

const NOTHING: Buffer = Buffer.alloc(0);
const BLOCK_BYTES = 16;

/** A session's keys for AES128_CM_HMAC_SHA1_80: its row in the module, and AES, which stays OpenSSL's. */
export type WasmSession = { readonly row: number; readonly ecb: Cipher };

/**
 * Rewrites and protects a frame for four viewers at a time in WebAssembly, in the memory that packets are sent from:
 * headers, counter blocks, exclusive-or, and HMAC-SHA1 with one message a SIMD lane. AES itself is one call into OpenSSL a
 * viewer and frame: instructions that WebAssembly lacks make it ten times faster, and tables would tell keys by their timing.
 *
 * Call `load`, then for some legs `setLeg`, then `protect`; the results are read by `datagram` and `legX`.
 */
export class WasmFanOut {
  /** Slots in the module's memory. */
  readonly pool: PacketPool;
  /** Packets that `load` takes, and legs that `protect` takes: their product has room in the pool. */
  readonly maxPackets: number;
  readonly maxLegs: number;
  readonly #module: WasmInstance;
  readonly #layout: WasmLayout;
  readonly #bytes: Buffer;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #sessions: (WasmSession | undefined)[];
  readonly #freeRows: number[] = [];
  #usedRows = 0;
  #packets = 0;
  #firstSlot = 0;
  /** Views made for the frame before: viewers get packets of the same lengths, in the same slots. */
  readonly #datagrams: Buffer[] = [];
  readonly #counters: Buffer[];

  /** @returns why there is none */
  static create(slots: number): WasmFanOut | { readonly reason: string } {
    const module = loadWasmModule(slots);
    return 'reason' in module ? module : new WasmFanOut(module, slots);
  }

  private constructor(module: WasmInstance, slots: number) {
    const { layout, memory } = module;
    if (layout.SLOT_STRIDE !== SLOT_STRIDE || layout.SLOT_HEADROOM !== SLOT_HEADROOM) {
      throw new TypeError('the WebAssembly module has slots of another size');
    }
    this.#module = module;
    this.#layout = layout;
    this.#bytes = Buffer.from(memory);
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.pool = new PacketPool(slots, Buffer.from(memory, layout.POOL, slots * SLOT_STRIDE));
    this.maxPackets = Math.min(layout.MAX_PACKETS, slots);
    this.maxLegs = Math.min(layout.MAX_LEGS, Math.floor(slots / this.maxPackets));
    this.#sessions = new Array<undefined>(layout.MAX_LEGS).fill(undefined);
    this.#counters = new Array<Buffer>(layout.MAX_LEGS).fill(NOTHING);
  }

  /** @returns undefined when the module has room for no more sessions */
  openSession(keys: CipherKeys): WasmSession | undefined {
    const { SESSIONS, SESSION_STRIDE, SESSION_SALT_AT, SESSION_KEY, MAX_SESSIONS } = this.#layout;
    const row = this.#freeRows.pop() ?? this.#usedRows++;
    if (row >= MAX_SESSIONS) {
      this.#usedRows = MAX_SESSIONS;
      return undefined;
    }
    keys.authentication.export().copy(this.#bytes, SESSION_KEY);
    this.#module.functions.openSession(row);
    keys.salt.copy(this.#bytes, SESSIONS + row * SESSION_STRIDE + SESSION_SALT_AT);
    const ecb = createCipheriv('aes-128-ecb', keys.encryption, null);
    ecb.setAutoPadding(false);
    return { row, ecb };
  }

  closeSession({ row }: WasmSession): void {
    this.#module.functions.closeSession(row);
    this.#freeRows.push(row);
  }

  /**
   * Copies packets [first, end) of a batch in, at most `maxPackets`, without those whose payload is larger than
   * `maxPayloadBytes`.
   */
  load(batch: PacketBatch, first: number, end: number, times: Float64Array, maxPayloadBytes: number): void {
    const layout = this.#layout;
    let packets = 0;
    for (let i = first; i < end; i++) {
      const start = batch.payloadStart[i] as number;
      const stop = batch.payloadEnd[i] as number;
      if (stop - start > maxPayloadBytes) continue;
      const row = layout.PACKETS + packets * layout.PACKET_STRIDE;
      this.#doubles[(row + layout.PACKET_INDEX_AT) >>> 3] = batch.index[i] as number;
      this.#doubles[(row + layout.PACKET_TIMESTAMP_AT) >>> 3] = times[i] as number;
      this.#words[(row + layout.PACKET_BYTES_AT) >>> 2] = stop - start;
      this.#words[(row + layout.PACKET_MARKER_AT) >>> 2] =
        ((batch.flags[i] as number) & PACKET.MARKER) !== 0 ? 0x80 : 0;
      const source = layout.SOURCES + packets * layout.SOURCE_STRIDE;
      (batch.buffers[i] as Buffer).copy(this.#bytes, source, start, stop);
      packets++;
    }
    this.#packets = packets;
  }

  /** @param at less than `maxLegs` */
  setLeg(at: number, leg: Leg, session: WasmSession): void {
    const layout = this.#layout;
    const row = layout.LEGS + at * layout.LEG_STRIDE;
    this.#doubles[(row + layout.LEG_INDEX_DELTA_AT) >>> 3] = leg.indexDelta;
    this.#doubles[(row + layout.LEG_FIRST_INDEX_AT) >>> 3] = leg.firstIndex;
    this.#doubles[(row + layout.LEG_TIMESTAMP_OFFSET_AT) >>> 3] = leg.timestampOffset;
    this.#words[(row + layout.LEG_SSRC_AT) >>> 2] = leg.ssrc;
    this.#words[(row + layout.LEG_PAYLOAD_TYPE_AT) >>> 2] = leg.payloadType;
    this.#words[(row + layout.LEG_SESSION_AT) >>> 2] = session.row;
    this.#sessions[at] = session;
  }

  /** Builds what the first `legs` legs get, in slots of the pool. Each leg's datagrams follow those of the one before. */
  protect(legs: number): void {
    const layout = this.#layout;
    const { functions } = this.#module;
    const { pool } = this;
    this.#firstSlot = pool.used;
    const jobs = functions.build(legs, this.#packets, pool.used, pool.slots - pool.used);
    if (jobs === 0) return;
    pool.take(jobs);
    for (let i = 0; i < legs; i++) {
      const bytes = this.#legWord(i, layout.LEG_BLOCKS_AT) * BLOCK_BYTES;
      if (bytes === 0) continue;
      const at = layout.KEYSTREAM + i * layout.KEYSTREAM_STRIDE;
      let counters = this.#counters[i] as Buffer;
      if (counters.length !== bytes) {
        counters = this.#bytes.subarray(at, at + bytes);
        this.#counters[i] = counters;
      }
      this.#bytes.set((this.#sessions[i] as WasmSession).ecb.update(counters), at);
    }
    functions.seal(legs, jobs);
  }

  /** Datagrams of a leg. */
  legDatagrams(at: number): number {
    return this.#legWord(at, this.#layout.LEG_JOBS_AT);
  }
  /** Payload bytes in them. */
  legOctets(at: number): number {
    return this.#legWord(at, this.#layout.LEG_OCTETS_AT);
  }
  /** Packets for which the pool had no slot. */
  legDropped(at: number): number {
    return this.#legWord(at, this.#layout.LEG_DROPPED_AT);
  }
  /** RTP timestamp of its last datagram. */
  legLastTimestamp(at: number): number {
    return this.#legWord(at, this.#layout.LEG_LAST_TIMESTAMP_AT) >>> 0;
  }

  /** A datagram of the last `protect`, counted over all its legs: borrowed until the pool is released. */
  datagram(job: number): Buffer {
    const layout = this.#layout;
    const slot = this.#firstSlot + job;
    const bytes = this.#words[(layout.JOBS + job * layout.JOB_STRIDE + layout.JOB_BYTES_AT) >>> 2] as number;
    const known = this.#datagrams[slot];
    if (known !== undefined && known.length === bytes) return known;
    const start = slot * SLOT_STRIDE + SLOT_HEADROOM;
    const made = this.pool.bytes.subarray(start, start + bytes);
    this.#datagrams[slot] = made;
    return made;
  }

  #legWord(at: number, column: number): number {
    return this.#words[(this.#layout.LEGS + at * this.#layout.LEG_STRIDE + column) >>> 2] as number;
  }
}
