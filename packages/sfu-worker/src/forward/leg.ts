import { type CodecParameters, TRACK_COUNTER, trackCounter } from '@shardcast/shared';

/** Outgoing RTP packets of one leg, built one behind the other in slots. A structure of arrays, reused. */
export type OutgoingRun = {
  /** SLOT_HEADROOM bytes before each packet and 16 behind it are free. */
  bytes: Buffer;
  readonly starts: Int32Array;
  /** Before `protectRun` the RTP length, after it the SRTP length. */
  readonly lengths: Int32Array;
  /** SRTP packet indexes. */
  readonly indexes: Float64Array;
  count: number;
};

/** What a leg's packets are protected with and where they go; the session owns it. */
export interface LegTransport {
  /** Protects the run's packets in place; all have a header of `headerLength` bytes. */
  protectRun(run: OutgoingRun, headerLength: number): void;
  /** Hands bytes to the socket, which may keep them until `DatagramQueue.queued` is 0. */
  send(bytes: Buffer, start: number, length: number): void;
}

/** A leg's progress: it waits for a keyframe, catches up from the cache, or gets packets as they come. */
export type LegState = 'waiting' | 'catching-up' | 'live';

/**
 * One viewer's subscription to one track: header rewrite state and position. The numbers that must outlive the thread
 * are in the session's shared counters and are written before they are used.
 */
export class Leg {
  readonly transport: LegTransport;
  readonly ssrc: number;
  readonly payloadType: number;
  /** What the viewer negotiated. */
  readonly codec: CodecParameters;
  readonly counters: Float64Array;
  readonly track: number;

  state: LegState = 'waiting';
  /** Output packet index minus track packet index. */
  indexDelta = 0;
  /** Track index of the first packet that this leg may see; what is older came before its keyframe. */
  firstIndex = Number.POSITIVE_INFINITY;
  /** Retransmission is possible from this track index on. */
  liveFrom = Number.POSITIVE_INFINITY;
  timestampOffset: number;

  /** Catching up: next packet of the cache and its generation. */
  cursor = 0;
  generation = -1;
  /** Frames that were there when it began, the timestamp of the last of them as sent, and the step between two. */
  backlogFrames = 0;
  backlogTimestamp = 0;
  backlogStep = 0;
  /** When it last began again because its picture was lost, ms. */
  recoveredAtMs = Number.NEGATIVE_INFINITY;
  /** When the viewer subscribed, for the first-frame histogram; NaN once observed. */
  joinedAtMs: number;

  constructor(options: {
    transport: LegTransport;
    ssrc: number;
    payloadType: number;
    codec: CodecParameters;
    counters: Float64Array;
    track: number;
    joinedAtMs: number;
  }) {
    this.transport = options.transport;
    this.ssrc = options.ssrc;
    this.payloadType = options.payloadType;
    this.codec = options.codec;
    this.counters = options.counters;
    this.track = options.track;
    this.joinedAtMs = options.joinedAtMs;
    this.timestampOffset = this.counter(TRACK_COUNTER.TIMESTAMP_OFFSET);
  }

  /** RTP clock rate, Hz. */
  get clockRate(): number {
    return this.codec.clockRate;
  }

  counter(field: number): number {
    return this.counters[trackCounter(this.track, field)] as number;
  }
  setCounter(field: number, value: number): void {
    this.counters[trackCounter(this.track, field)] = value;
  }

  /** The next packet out follows the last one sent without a gap, whatever track index it has. */
  startAt(trackIndex: number): void {
    this.indexDelta = this.counter(TRACK_COUNTER.OUT) - trackIndex;
    this.firstIndex = trackIndex;
    this.setCounter(TRACK_COUNTER.INDEX_DELTA, this.indexDelta);
  }
}
