import { type CodecParameters, type MediaKind, STREAM, Telemetry, TRACK_COUNTER, WORKER } from '@shardcast/shared';
import type { FastPath } from '../fastpath/fast-path.ts';
import { FRAME, inspectorFor } from '../rtp/inspect.ts';
import { ntpMiddle, type RtcpVisitor, readRtcp } from '../rtp/rtcp/index.ts';
import { ReceptionStats } from '../rtp/rtcp/reception-stats.ts';
import { RtpView } from '../rtp/view.ts';
import { ChunkPool } from './chunk-pool.ts';
import type { SourceTrack, TrackSink } from './ingest.ts';
import { KeyframeCache, type KeyframeCacheLimits } from './keyframe-cache.ts';
import type { Leg } from './leg.ts';
import { BATCH_PACKETS, PACKET, PacketBatch } from './packet-batch.ts';
import type { PacketHistory } from './packet-history.ts';
import { Repacker } from './repacker.ts';
import { SourceClock } from './source-clock.ts';

/** As many repacked packets are held at most: it bounds the memory of the repacker's arena. */
const REPACKED_PACKETS = 16;
/** Timestamp steps between cached frames at a join: fast enough to be decoded at once, and still going forward. */
const BACKLOG_STEP_SECONDS = 0.001;
/** A viewer that lost its picture gets the cache again, at most this often. */
const RECOVERY_INTERVAL_MS = 1000;
/** A recovered backlog must fit between two frames of the stream: 60 fps and slower. */
const RECOVERY_SPAN_SECONDS = 1 / 60;
/** Bytes of a cache handed to a joining viewer a pacer tick; the keyframe itself always goes whole. */
export const CATCH_UP_BYTES = 48 * 1024;

/** Scratch and memory that all tracks of a worker share: one works at a time. */
export class TrackCommons {
  readonly chunks = new ChunkPool();
  readonly batch = new PacketBatch(4 * BATCH_PACKETS);
  readonly timestamps = new Float64Array(4 * BATCH_PACKETS);
}

export type TrackOptions = {
  readonly kind: MediaKind;
  readonly fastPath: FastPath;
  readonly telemetry: Telemetry;
  /** Telemetry slot of the stream. */
  readonly slot: number;
  readonly cacheLimits: KeyframeCacheLimits;
  readonly commons: TrackCommons;
  /** Largest RTP payload sent on, bytes. */
  readonly maxPayloadBytes: number;
  readonly history: PacketHistory | undefined;
  /** A viewer waits for a keyframe. */
  readonly onKeyframeWanted: () => void;
};

/**
 * One track of a stream, from the source's packets to its viewers' legs. It outlives sources: when a camera comes
 * back, index and timestamps go on and the viewers wait for its first keyframe.
 */
export class Track implements TrackSink {
  readonly kind: MediaKind;
  codec: CodecParameters;
  readonly stats: ReceptionStats;
  readonly #options: TrackOptions;
  readonly #view = new RtpView();
  readonly #batch = new PacketBatch(BATCH_PACKETS);
  readonly #catchUpBatch: PacketBatch;
  readonly #catchUpTimes: Float64Array;
  readonly #one: Leg[] = [];
  readonly #cache: KeyframeCache;
  readonly #clock: SourceClock;
  #repacker: Repacker;
  #inspect: (buffer: Buffer, start: number, end: number) => number;
  #payloadType: number;
  #awaitsKeyframe = true;
  #nextIndex = 0;
  /** Track index minus extended sequence number, and the oldest sequence number for which it holds. */
  #shift = 0;
  #shiftValidFrom = 0;
  #keyframeTimestamp = -1;
  #nowMs = 0;
  readonly #base: number;
  readonly #rtcpVisitor: RtcpVisitor = {
    senderReport: (ssrc, ntpHigh, ntpLow) => {
      if (ssrc === this.#clock.ssrc) this.stats.onSenderReport(ntpMiddle(ntpHigh, ntpLow), this.#nowMs);
    },
  };

  /** Legs that get packets as they come. */
  readonly live: Leg[] = [];
  /** Legs that wait for a keyframe or catch up. */
  readonly joining: Leg[] = [];
  /** Time of the last packet admitted, ms; NaN before the first. */
  lastPacketAtMs = Number.NaN;
  /** The source's SSRC, -1 before the first packet. */
  get sourceSsrc(): number {
    return this.#clock.ssrc;
  }

  constructor(source: SourceTrack, options: TrackOptions) {
    this.kind = options.kind;
    this.codec = source.codec;
    this.#options = options;
    this.#clock = new SourceClock(source.codec.clockRate);
    this.stats = new ReceptionStats(source.codec.clockRate);
    this.#cache = new KeyframeCache(
      options.kind === 'video' ? options.cacheLimits : { maxBytes: 0, maxAgeMs: 0 },
      options.commons.chunks,
    );
    this.#catchUpBatch = options.commons.batch;
    this.#catchUpTimes = options.commons.timestamps;
    this.#inspect = inspectorFor(source.codec.name);
    this.#payloadType = source.payloadType;
    this.#repacker = new Repacker(source, options.maxPayloadBytes);
    this.#awaitsKeyframe = options.kind === 'video';
    this.#base = Telemetry.streamBase(options.slot);
  }

  /** The source came back, or another one of the same codec took over. */
  resume(source: SourceTrack): void {
    this.codec = source.codec;
    this.#payloadType = source.payloadType;
    this.#inspect = inspectorFor(source.codec.name);
    this.#repacker = new Repacker(source, this.#options.maxPayloadBytes);
    this.#clock.restart();
    this.#batch.clear();
  }

  /** `profile-level-id` learnt from the stream itself, for an SDP that names none. */
  get profileLevelId(): string | undefined {
    return this.#repacker.profileLevelId;
  }

  /** Call before the packets of one read: the time they are stamped with. */
  beginRead(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  receive(buffer: Buffer, start: number, end: number): void {
    const view = this.#view;
    if (view.wrap(buffer, start, end) !== undefined) {
      this.#count(WORKER.droppedMalformed);
      return;
    }
    if (view.payloadType !== this.#payloadType) {
      this.#count(WORKER.droppedUnknownSource);
      return;
    }
    const payloadStart = view.payloadStart;
    const payloadEnd = view.payloadEnd;
    if (payloadEnd <= payloadStart) {
      this.#admitEmpty(view);
      return;
    }
    if (!this.#admit(view, end - start)) return;

    const flags = this.#inspect(buffer, payloadStart, payloadEnd);
    const startsKeyframe = (flags & FRAME.KEYFRAME_START) !== 0;
    if (this.#awaitsKeyframe) {
      if (!startsKeyframe) return;
      this.#awaitsKeyframe = false;
    }
    // Batches are split at keyframes, so that cache and waiting viewers begin with a batch's first packet. A delimiter
    // or SEI may come before with the same timestamp: what counts is the first place to begin.
    if (startsKeyframe && this.kind === 'video' && this.#clock.timestamp !== this.#keyframeTimestamp) {
      this.flush();
      this.#keyframeTimestamp = this.#clock.timestamp;
      this.#tick(this.#base + STREAM.keyframes, 1);
    }
    this.#emit(buffer, payloadStart, payloadEnd, flags, view.marker);
  }

  receiveRtcp(buffer: Buffer, start: number, end: number): void {
    this.#count(WORKER.rtcpReceived);
    if (readRtcp(buffer, start, end, this.#rtcpVisitor) !== undefined) this.#count(WORKER.droppedMalformed);
  }

  /** Sends what is pending to the viewers and the cache. */
  flush(): void {
    this.#send();
    this.#repacker.release();
  }

  #send(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    const nowMs = this.#nowMs;
    if (batch.startsWithKeyframe && this.joining.length > 0) this.#promoteWaiting(batch);
    const sent = this.live.length === 0 ? 0 : this.#options.fastPath.forward(batch, this.live, nowMs);
    this.#countOut(batch, sent, this.live.length);
    this.#options.history?.append(batch);
    this.#cache.append(batch, nowMs);
    this.#tickSet(this.#base + STREAM.cacheBytes, this.#cache.heldBytes);
    batch.clear();
  }

  /** Adds a viewer. Audio begins at once; video from the cache, or with the next keyframe. */
  addLeg(leg: Leg, nowMs: number): void {
    if (leg.counter(TRACK_COUNTER.PACKETS) === 0 && leg.timestampOffset === 0) this.#chooseTimestampOffset(leg);
    if (this.kind === 'audio') {
      leg.state = 'live';
      leg.startAt(this.#nextIndex);
      leg.liveFrom = this.#nextIndex;
      this.live.push(leg);
      return;
    }
    this.joining.push(leg);
    if (!this.#cache.isReady) {
      this.#options.onKeyframeWanted();
      return;
    }
    leg.backlogStep = Math.round(leg.clockRate * BACKLOG_STEP_SECONDS);
    leg.backlogTimestamp = this.#cache.newestTimestamp;
    this.#beginCatchUp(leg, nowMs);
  }

  /**
   * Gives a viewer that cannot decode any more the newest keyframe and all since from the cache: the help for sources
   * that no keyframe can be asked of. Their timestamps lie between the last frame sent and the next one.
   * @returns true when the viewer catches up now.
   */
  recover(leg: Leg, nowMs: number): boolean {
    const cache = this.#cache;
    if (leg.state !== 'live' || !cache.isReady || cache.isKeyframeOnly) return false;
    if (nowMs - leg.recoveredAtMs < RECOVERY_INTERVAL_MS) return false;
    const step = Math.floor((leg.clockRate * RECOVERY_SPAN_SECONDS) / (cache.frames + 1));
    if (step < 1) return false;
    leg.recoveredAtMs = nowMs;
    this.flush(); // what is pending went to this leg before, and is in the cache now
    remove(this.live, leg);
    this.joining.push(leg);
    leg.backlogStep = step;
    leg.backlogTimestamp = cache.newestTimestamp + cache.frames * step;
    this.#beginCatchUp(leg, nowMs);
    return true;
  }

  /** The track ends: gives its memory back. */
  close(): void {
    this.#cache.clear();
    this.#batch.clear();
  }

  removeLeg(leg: Leg): void {
    remove(this.live, leg);
    remove(this.joining, leg);
  }

  /** True when packets wait for `flush`. */
  get hasPending(): boolean {
    return this.#batch.count > 0;
  }

  /** Sends one packet again, the same bytes under the same index (RFC 4585 §6.2.1); what is gone is gone. */
  retransmit(leg: Leg, sequence: number, nowMs: number): void {
    const history = this.#options.history;
    if (history === undefined || leg.state !== 'live') return;
    const newest = leg.counter(TRACK_COUNTER.OUT) - 1;
    const index = newest - (((newest & 0xffff) - sequence) & 0xffff) - leg.indexDelta;
    if (index < leg.liveFrom) return;
    const batch = this.#catchUpBatch;
    batch.clear();
    if (!history.find(index, batch)) return;
    this.#one[0] = leg;
    this.#options.fastPath.forward(batch, this.#one, nowMs);
    batch.clear();
  }

  /** Moves catching-up viewers on by one step. @returns true while any is still catching up. */
  pace(nowMs: number): boolean {
    let busy = false;
    for (let i = this.joining.length - 1; i >= 0; i--) {
      const leg = this.joining[i] as Leg;
      if (leg.state !== 'catching-up') continue;
      this.#catchUp(leg, nowMs);
      if (leg.state === 'catching-up') busy = true;
    }
    return busy;
  }

  /** True when viewers wait for a keyframe that only the source can give. */
  get hasWaiting(): boolean {
    return this.joining.some((leg) => leg.state === 'waiting');
  }

  // --- source side

  #admit(view: RtpView, wireBytes: number): boolean {
    const clock = this.#clock;
    const admission = clock.admit(view.ssrc, view.sequence, view.timestamp, this.#nowMs);
    switch (admission) {
      case 'duplicate':
        this.#count(WORKER.droppedDuplicate);
        return false;
      case 'suspect':
        this.#count(WORKER.droppedUnknownSource);
        return false;
      case 'new-source':
        this.flush();
        this.#repacker.reset();
        this.#shift = Number.NaN;
        this.#shiftValidFrom = Number.POSITIVE_INFINITY;
        this.#awaitsKeyframe = this.kind === 'video';
        this.#cache.clear();
        this.stats.reset();
        break;
      case 'late':
        // The index mapping changed since this packet was due, so its index may be taken (RFC 3711 §9.1).
        if (clock.extended < this.#shiftValidFrom) {
          this.#count(WORKER.droppedDuplicate);
          return false;
        }
        break;
      case 'next':
        if (clock.gap > 0) {
          this.#nextIndex += clock.gap;
          this.#repacker.reset();
          this.#tick(this.#base + STREAM.inboundLost, clock.gap);
        }
        break;
    }
    this.lastPacketAtMs = this.#nowMs;
    this.stats.update(clock.extended, view.timestamp, this.#nowMs);
    this.#tick(this.#base + STREAM.inboundPackets, 1);
    this.#tick(this.#base + STREAM.inboundBytes, wireBytes);
    if (admission === 'late') this.#tick(this.#base + STREAM.inboundLost, -1);
    return true;
  }

  /** Padding-only packets (probes) use up a sequence number and carry nothing: viewers see no gap. */
  #admitEmpty(view: RtpView): void {
    if (!this.#admit(view, 0)) return;
    if (this.#clock.extended === this.#clock.highest) this.#remap();
  }

  #emit(buffer: Buffer, start: number, end: number, flags: number, marker: boolean): void {
    const clock = this.#clock;
    const timestamp = clock.timestamp;
    if (clock.extended < clock.highest) {
      if (end - start > this.#options.maxPayloadBytes) {
        this.#count(WORKER.droppedTooBig); // its pieces would need indexes that are taken
        return;
      }
      this.#push(buffer, start, end, clock.extended + this.#shift, timestamp, packetFlags(flags, marker));
      return;
    }
    const repacker = this.#repacker;
    if (!repacker.wants(start, end, flags, timestamp)) {
      this.#push(buffer, start, end, this.#nextIndex++, timestamp, packetFlags(flags, marker));
    } else {
      // The repacker's arena is given back by `flush` alone, so a batch that holds much of it goes out first.
      if (this.#batch.count >= REPACKED_PACKETS) this.flush();
      const count = repacker.repack(buffer, start, end, flags, timestamp);
      for (let i = 0; i < count; i++) {
        const isLast = i === count - 1;
        this.#push(
          repacker.buffer(i),
          repacker.start(i),
          repacker.end(i),
          this.#nextIndex++,
          timestamp,
          packetFlags(repacker.flags(i), marker && isLast),
        );
      }
    }
    this.#remap();
  }

  /** Keeps the mapping for late packets true; where it changes, older packets are not admitted any more. */
  #remap(): void {
    const shift = this.#nextIndex - 1 - this.#clock.extended;
    if (shift === this.#shift) return;
    this.#shift = shift;
    this.#shiftValidFrom = this.#clock.extended + 1;
  }

  #push(buffer: Buffer, start: number, end: number, index: number, timestamp: number, flags: number): void {
    if (this.#batch.isFull) this.#send();
    this.#batch.add(buffer, start, end, index, timestamp, flags);
  }

  // --- viewer side

  #promoteWaiting(batch: PacketBatch): void {
    const first = batch.index[0] as number;
    for (let i = this.joining.length - 1; i >= 0; i--) {
      const leg = this.joining[i] as Leg;
      // A viewer who still catches up with the old GOP goes on with the new one: nothing is lost but time.
      this.joining.splice(i, 1);
      leg.state = 'live';
      leg.startAt(first);
      leg.liveFrom = first;
      this.live.push(leg);
      this.#observeFirstFrame(leg);
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
    const batch = this.#catchUpBatch;
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
        this.#observeFirstFrame(leg);
      }
      this.#one[0] = leg;
      const sent = this.#options.fastPath.forward(batch, this.#one, nowMs, this.#catchUpTimes);
      this.#countOut(batch, sent, 1);
      batch.clear();
    }
    if (leg.cursor < cache.packets) return;
    if (cache.isKeyframeOnly) {
      leg.state = 'waiting'; // a still picture until the next keyframe
      this.#options.onKeyframeWanted();
      return;
    }
    // Level with the source. What is pending in the batch comes next, with indexes that follow.
    leg.state = 'live';
    leg.liveFrom = this.#nextIndex;
    remove(this.joining, leg);
    this.live.push(leg);
  }

  /** Frames that were there before the viewer are played in fast motion, so that he ends up at the live edge. */
  #compressTimestamps(leg: Leg, batch: PacketBatch, from: number): void {
    for (let i = 0; i < batch.count; i++) {
      const age = leg.backlogFrames - 1 - this.#cache.frameOf(from + i);
      const timestamp = age < 0 ? (batch.timestamp[i] as number) : leg.backlogTimestamp - age * leg.backlogStep;
      this.#catchUpTimes[i] = timestamp < 0 ? timestamp + 0x1_0000_0000 : timestamp % 0x1_0000_0000;
    }
  }

  /** Random, as RFC 3550 §5.1 asks; kept in the shared counters for a restore. */
  #chooseTimestampOffset(leg: Leg): void {
    leg.timestampOffset = Math.floor(Math.random() * 0x8000_0000);
    leg.setCounter(TRACK_COUNTER.TIMESTAMP_OFFSET, leg.timestampOffset);
  }

  #observeFirstFrame(leg: Leg): void {
    if (Number.isNaN(leg.joinedAtMs)) return;
    this.#options.telemetry.observe('firstFrame', Math.max(0, this.#nowMs - leg.joinedAtMs) / 1000);
    leg.joinedAtMs = Number.NaN;
  }

  #countOut(batch: PacketBatch, sent: number, legs: number): void {
    if (sent === 0) return;
    let bytes = 0;
    for (let i = 0; i < batch.count; i++) bytes += (batch.payloadEnd[i] as number) - (batch.payloadStart[i] as number);
    this.#tick(this.#base + STREAM.outboundPackets, sent);
    this.#tick(this.#base + STREAM.outboundBytes, (bytes + 12 * batch.count) * legs);
  }

  #count(field: number): void {
    this.#tick(field, 1);
  }
  #tick(field: number, by: number): void {
    const counters = this.#options.telemetry.counters;
    counters[field] = (counters[field] as number) + by;
  }
  #tickSet(field: number, value: number): void {
    this.#options.telemetry.counters[field] = value;
  }
}

function packetFlags(frameFlags: number, marker: boolean): number {
  return ((frameFlags & FRAME.KEYFRAME_START) !== 0 ? PACKET.KEYFRAME_START : 0) | (marker ? PACKET.MARKER : 0);
}

function remove(list: Leg[], leg: Leg): void {
  const at = list.indexOf(leg);
  if (at >= 0) list.splice(at, 1);
}
