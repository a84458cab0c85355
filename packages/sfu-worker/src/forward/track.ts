import { type CodecParameters, type MediaKind, STREAM, Telemetry, type TrackFacts, WORKER } from '@shardcast/shared';
import { FRAME, inspectorFor } from '../rtp/inspect.ts';
import { ntpMiddle, type RtcpVisitor, readRtcp } from '../rtp/rtcp/index.ts';
import { ReceptionStats } from '../rtp/rtcp/reception-stats.ts';
import { RtpView } from '../rtp/view.ts';
import { FrameGauge } from './frame-gauge.ts';
import type { SourceTrack, TrackSink } from './ingest.ts';
import { BATCH_PACKETS, PACKET, PacketBatch } from './packet-batch.ts';
import { Repacker } from './repacker.ts';
import { SourceClock } from './source-clock.ts';
import { trackFacts } from './track-facts.ts';
import { TrackViewers, type TrackViewersOptions } from './track-viewers.ts';

/** As many repacked packets are held at most: it bounds the memory of the repacker's arena. */
const REPACKED_PACKETS = 16;
export type TrackOptions = TrackViewersOptions & {
  /** Largest RTP payload sent on, bytes. */
  readonly maxPayloadBytes: number;
};

/**
 * One track of a stream: the source's packets, checked, numbered and repaired once, in batches for its viewers. It
 * outlives sources: when a camera comes back, index and timestamps go on and the viewers wait for its first keyframe.
 */
export class Track implements TrackSink {
  readonly kind: MediaKind;
  codec: CodecParameters;
  readonly stats: ReceptionStats;
  readonly viewers: TrackViewers;
  readonly #options: TrackOptions;
  readonly #view = new RtpView();
  readonly #batch = new PacketBatch(BATCH_PACKETS);
  #gauge: FrameGauge;
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
  /** Packets of recent gaps that have not come late. */
  #missing = 0;
  #nowMs = 0;
  readonly #base: number;
  readonly #rtcpVisitor: RtcpVisitor = {
    senderReport: (ssrc, ntpHigh, ntpLow) => {
      if (ssrc === this.#clock.ssrc) this.stats.onSenderReport(ntpMiddle(ntpHigh, ntpLow), this.#nowMs);
    },
  };

  /** The source's SSRC, -1 before the first packet. */
  get sourceSsrc(): number {
    return this.#clock.ssrc;
  }

  constructor(source: SourceTrack, options: TrackOptions) {
    this.kind = options.kind;
    this.codec = source.codec;
    this.#options = options;
    this.#clock = new SourceClock(source.codec.clockRate);
    this.#gauge = new FrameGauge(source.codec.clockRate);
    this.stats = new ReceptionStats(source.codec.clockRate);
    this.viewers = new TrackViewers(options);
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
    this.#gauge.reset();
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
      this.#gauge.keyframe(this.#nowMs);
    }
    if ((flags & FRAME.HAS_SPS) !== 0) this.#gauge.parameterSets();
    this.#emit(buffer, payloadStart, payloadEnd, flags, view.marker);
  }

  receiveRtcp(buffer: Buffer, start: number, end: number): void {
    if (readRtcp(buffer, start, end, this.#rtcpVisitor) !== undefined) this.#count(WORKER.droppedMalformed);
  }

  /** Sends what is pending to the viewers and the cache. */
  flush(): void {
    this.#send();
    this.#repacker.release();
  }

  /** True when packets wait for `flush`. */
  get hasPending(): boolean {
    return this.#batch.count > 0;
  }

  /** Call at least once a second. */
  tick(nowMs: number): void {
    this.commitLoss();
    this.#gauge.tick(nowMs);
  }

  /** What was seen of it so far. */
  facts(nowMs: number): TrackFacts {
    return trackFacts({
      kind: this.kind,
      codec: this.codec,
      gauge: this.#gauge,
      parameterSets: this.#repacker.parameterSets,
      jitterTicks: this.stats.jitterTicks,
      nowMs,
    });
  }

  /** Packets that are still missing are lost: those that were only late have come by now. Call a few times a second. */
  commitLoss(): void {
    if (this.#missing === 0) return;
    this.#tick(this.#base + STREAM.inboundLost, this.#missing);
    this.#missing = 0;
  }

  /** The track ends: gives its memory back. */
  close(): void {
    this.#batch.clear();
    this.viewers.forgetSource();
  }

  #send(): void {
    if (this.#batch.count === 0) return;
    this.viewers.forward(this.#batch, this.#nowMs);
    this.#batch.clear();
  }

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
        this.#forgetMapping();
        this.#awaitsKeyframe = this.kind === 'video';
        this.viewers.forgetSource();
        this.stats.reset();
        this.#gauge.reset();
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
          // While a keyframe is awaited nothing is sent: indexes that moved on would cost viewers their rollover count.
          // What is missing has no index then, and even a shift that comes out the same would give it one that is taken.
          if (this.#awaitsKeyframe) this.#forgetMapping();
          else this.#nextIndex += clock.gap;
          this.#repacker.reset();
          this.#missing += clock.gap;
          this.#gauge.lost(clock.gap);
        }
        break;
    }
    this.stats.update(clock.extended, view.timestamp, this.#nowMs);
    this.#tick(this.#base + STREAM.inboundPackets, 1);
    this.#tick(this.#base + STREAM.inboundBytes, wireBytes);
    if (admission !== 'late') this.#gauge.packet(clock.timestamp, wireBytes, this.#nowMs);
    else if (this.#missing > 0) this.#missing--;
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
      const count = repacker.repack(buffer, start, end, flags, timestamp, this.#nowMs);
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

  /** No late packet is admitted until the next one that is sent. */
  #forgetMapping(): void {
    this.#shift = Number.NaN;
    this.#shiftValidFrom = Number.POSITIVE_INFINITY;
  }

  #push(buffer: Buffer, start: number, end: number, index: number, timestamp: number, flags: number): void {
    if (this.#batch.isFull) this.#send();
    this.#batch.add(buffer, start, end, index, timestamp, flags);
  }

  #count(field: number): void {
    this.#tick(field, 1);
  }
  #tick(field: number, by: number): void {
    this.#options.telemetry.add(field, by);
  }
}

function packetFlags(frameFlags: number, marker: boolean): number {
  return ((frameFlags & FRAME.KEYFRAME_START) !== 0 ? PACKET.KEYFRAME_START : 0) | (marker ? PACKET.MARKER : 0);
}
