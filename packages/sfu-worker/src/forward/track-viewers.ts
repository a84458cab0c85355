import { type MediaKind, STREAM, Telemetry, TRACK_COUNTER } from '@shardcast/shared';
import type { FastPath } from '../fastpath/fast-path.ts';
import { ChunkPool } from './chunk-pool.ts';
import { KeyframeCache, type KeyframeCacheLimits } from './keyframe-cache.ts';
import type { Leg } from './leg.ts';
import { LegGroup } from './leg-group.ts';
import { LegTable } from './leg-table.ts';
import { BATCH_PACKETS, PacketBatch } from './packet-batch.ts';
import type { PacketHistory } from './packet-history.ts';

/** Timestamp steps between cached frames at a join: fast enough to be decoded at once, and still going forward. */
const BACKLOG_STEP_SECONDS = 0.001;
/** A viewer that lost its picture gets the cache again, at most this often. */
const RECOVERY_INTERVAL_MS = 1000;
/** A recovered backlog must fit between two frames of the stream: 60 fps and slower. */
const RECOVERY_SPAN_SECONDS = 1 / 60;
/** Bytes of a cache handed to a joining viewer a pacer tick, rounded up to whole frames. */
const CATCH_UP_BYTES = 48 * 1024;

/** Scratch and memory that all tracks of a worker share: one works at a time. */
export class TrackCommons {
  readonly chunks = new ChunkPool();
  readonly legs = new LegTable();
  readonly batch = new PacketBatch(4 * BATCH_PACKETS);
  readonly timestamps = new Float64Array(4 * BATCH_PACKETS);
}

export type TrackViewersOptions = {
  readonly kind: MediaKind;
  readonly fastPath: FastPath;
  readonly telemetry: Telemetry;
  /** Telemetry slot of the stream. */
  readonly slot: number;
  readonly cacheLimits: KeyframeCacheLimits;
  readonly commons: TrackCommons;
  readonly history: PacketHistory | undefined;
  /** A viewer waits for a keyframe. */
  readonly onKeyframeWanted: () => void;
};

/**
 * Who watches a track: legs that get packets as they come, and legs on their way there, by the keyframe cache or the
 * next keyframe.
 */
export class TrackViewers {
  readonly #options: TrackViewersOptions;
  readonly #cache: KeyframeCache;
  readonly #batch: PacketBatch;
  readonly #times: Float64Array;
  readonly #live = new LegGroup();
  readonly #joining: Leg[] = [];
  readonly #base: number;

  constructor(options: TrackViewersOptions) {
    this.#options = options;
    this.#cache = new KeyframeCache(
      options.kind === 'video' ? options.cacheLimits : { maxBytes: 0, maxAgeMs: 0 },
      options.commons.chunks,
    );
    this.#batch = options.commons.batch;
    this.#times = options.commons.timestamps;
    this.#base = Telemetry.streamBase(options.slot);
  }

  /** True when viewers wait for a keyframe that only the source can give. */
  get hasWaiting(): boolean {
    return this.#options.kind === 'video' && this.#joining.some((leg) => leg.state === 'waiting');
  }

  /** Adds a viewer. Audio begins with the next packet; video from the cache, or with the next keyframe. */
  add(leg: Leg, nowMs: number): void {
    if (leg.counter(TRACK_COUNTER.PACKETS) === 0 && leg.timestampOffset === 0) chooseTimestampOffset(leg);
    this.#joining.push(leg);
    if (this.#cache.isReady) {
      leg.backlogStep = Math.round(leg.clockRate * BACKLOG_STEP_SECONDS);
      leg.backlogTimestamp = this.#cache.newestTimestamp;
      this.#beginCatchUp(leg, nowMs);
    } else if (this.#options.kind === 'video') {
      this.#options.onKeyframeWanted();
    }
  }

  remove(leg: Leg): void {
    this.#live.remove(leg);
    remove(this.#joining, leg);
  }

  /** Sends a batch to all that are live, and keeps it for those who join. */
  forward(batch: PacketBatch, nowMs: number): void {
    if (batch.startsWithKeyframe && this.#joining.length > 0) this.#promote(batch, nowMs);
    const legs = this.#live.size;
    const sent = legs === 0 ? 0 : this.#options.fastPath.forward(batch, this.#live, nowMs);
    this.#countOut(batch, sent, legs);
    if (sent < legs * batch.count) this.#restStarved();
    this.#options.history?.append(batch);
    this.#cache.append(batch, nowMs);
    this.#countCache();
  }

  /**
   * Moves catching-up viewers on by one step each.
   * @param isOver asked between viewers: those behind are the first of the next call
   * @returns true while any is still catching up
   */
  pace(nowMs: number, isOver: () => boolean): boolean {
    const behind: Leg[] = [];
    for (const leg of [...this.#joining]) {
      if (leg.state !== 'catching-up') continue;
      if (isOver()) break;
      this.#catchUp(leg, nowMs);
      if (leg.state === 'catching-up') behind.push(leg);
    }
    for (const leg of behind) {
      remove(this.#joining, leg);
      this.#joining.push(leg);
    }
    return this.#joining.some(({ state }) => state === 'catching-up');
  }

  /**
   * Gives a viewer that cannot decode any more the newest keyframe and all since from the cache: the help for sources
   * that no keyframe can be asked of. Their timestamps lie between the last frame sent and the next one. Call with
   * nothing pending.
   * @returns true when the viewer catches up now.
   */
  recover(leg: Leg, nowMs: number): boolean {
    const cache = this.#cache;
    if (leg.state !== 'live' || !cache.isReady || cache.isKeyframeOnly) return false;
    if (nowMs - leg.recoveredAtMs < RECOVERY_INTERVAL_MS) return false;
    const step = Math.floor((leg.clockRate * RECOVERY_SPAN_SECONDS) / (cache.frames + 1));
    if (step < 1) return false;
    leg.recoveredAtMs = nowMs;
    this.#live.remove(leg);
    this.#joining.push(leg);
    leg.backlogStep = step;
    leg.backlogTimestamp = cache.newestTimestamp + cache.frames * step;
    this.#beginCatchUp(leg, nowMs);
    return true;
  }

  /** Sends one packet again, the same bytes under the same index (RFC 4585 §6.2.1); what is gone is gone. */
  retransmit(leg: Leg, sequence: number, nowMs: number): void {
    const history = this.#options.history;
    if (history === undefined || leg.state !== 'live') return;
    const newest = leg.counter(TRACK_COUNTER.OUT) - 1;
    const index = newest - (((newest & 0xffff) - sequence) & 0xffff) - leg.indexDelta;
    if (index < leg.liveFrom) return;
    this.#batch.clear();
    if (!history.find(index, this.#batch)) return;
    this.#options.fastPath.forward(this.#batch, LegGroup.of(leg), nowMs);
    this.#batch.clear();
  }

  /** The source changed: what is cached belongs to the one before. */
  forgetSource(): void {
    this.#cache.clear();
    this.#countCache();
  }

  /** Live from this batch on: it begins where a decoder can. */
  #promote(batch: PacketBatch, nowMs: number): void {
    const first = batch.index[0] as number;
    // A viewer who still catches up with the old GOP goes on with the new one: nothing is lost but time.
    for (const leg of this.#joining.splice(0)) {
      leg.state = 'live';
      leg.startAt(first);
      leg.liveFrom = first;
      this.#live.add(leg);
      this.#observeFirstFrame(leg, nowMs);
    }
  }

  #beginCatchUp(leg: Leg, nowMs: number): void {
    leg.state = 'catching-up';
    leg.cursor = 0;
    leg.generation = this.#cache.generation;
    leg.backlogFrames = this.#cache.frames;
    this.#catchUp(leg, nowMs);
  }

  #catchUp(leg: Leg, nowMs: number): void {
    const cache = this.#cache;
    const batch = this.#batch;
    if (leg.generation !== cache.generation || !cache.isReady) {
      leg.state = 'waiting';
      return;
    }
    batch.clear();
    const from = leg.cursor;
    leg.cursor = cache.read(from, batch, CATCH_UP_BYTES);
    if (batch.count > 0) {
      this.#compressTimestamps(leg, batch, from);
      if (from === 0) {
        leg.startAt(batch.index[0] as number);
        this.#observeFirstFrame(leg, nowMs);
      }
      const sent = this.#options.fastPath.forward(batch, LegGroup.of(leg), nowMs, this.#times);
      this.#countOut(batch, sent, 1);
      batch.clear();
      if (leg.isStarved) {
        leg.isStarved = false;
        leg.state = 'waiting';
        this.#options.onKeyframeWanted();
        return;
      }
    }
    if (leg.cursor < cache.packets) return;
    if (cache.isKeyframeOnly) {
      leg.state = 'waiting'; // a still picture until the next keyframe
      this.#options.onKeyframeWanted();
      return;
    }
    // Level with the source: what comes next has indexes that follow.
    leg.state = 'live';
    leg.liveFrom = cache.highestIndex + 1;
    remove(this.#joining, leg);
    this.#live.add(leg);
  }

  /** Frames that were there before the viewer are played in fast motion, so that he ends up at the live edge. */
  #compressTimestamps(leg: Leg, batch: PacketBatch, from: number): void {
    for (let i = 0; i < batch.count; i++) {
      const age = leg.backlogFrames - 1 - this.#cache.frameOf(from + i);
      const timestamp = age < 0 ? (batch.timestamp[i] as number) : leg.backlogTimestamp - age * leg.backlogStep;
      this.#times[i] = timestamp < 0 ? timestamp + 0x1_0000_0000 : timestamp % 0x1_0000_0000;
    }
  }

  /** Who lost a packet to a full socket cannot decode what follows: nothing more is sent before the next keyframe. */
  #restStarved(): void {
    let any = false;
    const { legs } = this.#live;
    for (let i = legs.length - 1; i >= 0; i--) {
      const leg = legs[i] as Leg;
      if (!leg.isStarved) continue;
      leg.isStarved = false;
      if (this.#options.kind !== 'video') continue;
      this.#live.remove(leg);
      this.#joining.push(leg);
      leg.state = 'waiting';
      any = true;
    }
    if (any) this.#options.onKeyframeWanted();
  }

  #observeFirstFrame(leg: Leg, nowMs: number): void {
    if (Number.isNaN(leg.joinedAtMs)) return;
    if (this.#options.kind === 'video') {
      this.#options.telemetry.observe('firstFrame', Math.max(0, nowMs - leg.joinedAtMs) / 1000);
    }
    leg.joinedAtMs = Number.NaN;
  }

  #countCache(): void {
    if (this.#options.kind !== 'video') return; // both tracks share the stream's counters
    this.#options.telemetry.counters[this.#base + STREAM.cacheBytes] = this.#cache.heldBytes;
  }

  #countOut(batch: PacketBatch, sent: number, legs: number): void {
    if (sent === 0) return;
    let bytes = 0;
    for (let i = 0; i < batch.count; i++) bytes += (batch.payloadEnd[i] as number) - (batch.payloadStart[i] as number);
    const { telemetry } = this.#options;
    telemetry.add(this.#base + STREAM.outboundPackets, sent);
    // A header of 12 bytes each; where a pool was empty, the share that was sent.
    const share = sent / (batch.count * legs);
    telemetry.add(this.#base + STREAM.outboundBytes, Math.round((bytes + 12 * batch.count) * legs * share));
  }
}

/** Random, as RFC 3550 §5.1 asks; kept in the shared counters for a restore. */
function chooseTimestampOffset(leg: Leg): void {
  leg.timestampOffset = Math.floor(Math.random() * 0x8000_0000);
  leg.setCounter(TRACK_COUNTER.TIMESTAMP_OFFSET, leg.timestampOffset);
}

function remove(list: Leg[], leg: Leg): void {
  const at = list.indexOf(leg);
  if (at >= 0) list.splice(at, 1);
}
