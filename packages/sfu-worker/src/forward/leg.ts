import { type CodecParameters, TRACK_COUNTER, trackCounter } from '@shardcast/shared';
import { LEG, LEG_DOUBLES, type LegTable } from './leg-table.ts';

/** A leg's progress: it waits for a keyframe, catches up from the cache, or gets packets as they come. */
export type LegState = 'waiting' | 'catching-up' | 'live';

/**
 * One viewer's subscription to one track: header rewrite state and position. The numbers that must outlive the thread
 * are in the session's shared counters and are written before they are used.
 */
export class Leg {
  /** Its row in the table. */
  readonly row: number;
  readonly #table: LegTable;
  /** What the viewer negotiated. */
  readonly codec: CodecParameters;
  readonly counters: Float64Array;
  readonly track: number;

  state: LegState = 'waiting';
  /** Retransmission is possible from this track index on. */
  liveFrom = Number.POSITIVE_INFINITY;

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

  /** @param options.channel of the session in the media path; @param options.counters the session's shared ones */
  constructor(options: {
    table: LegTable;
    channel: number;
    ssrc: number;
    payloadType: number;
    codec: CodecParameters;
    counters: Float64Array;
    track: number;
    joinedAtMs: number;
  }) {
    this.#table = options.table;
    this.row = options.table.acquire();
    this.codec = options.codec;
    this.counters = options.counters;
    this.track = options.track;
    this.joinedAtMs = options.joinedAtMs;
    this.#set(LEG.CHANNEL, options.channel);
    this.#set(LEG.SSRC, options.ssrc);
    this.#set(LEG.PAYLOAD_TYPE, options.payloadType);
    const inWorker = options.counters.byteOffset / Float64Array.BYTES_PER_ELEMENT;
    this.#set(LEG.COUNTERS, inWorker + trackCounter(options.track, 0));
    this.#set(LEG.FIRST_INDEX, Number.POSITIVE_INFINITY);
    this.#set(LEG.TIMESTAMP_OFFSET, this.counter(TRACK_COUNTER.TIMESTAMP_OFFSET));
  }

  get channel(): number {
    return this.#get(LEG.CHANNEL);
  }
  get ssrc(): number {
    return this.#get(LEG.SSRC);
  }
  get payloadType(): number {
    return this.#get(LEG.PAYLOAD_TYPE);
  }
  /** Output packet index minus track packet index. */
  get indexDelta(): number {
    return this.#get(LEG.INDEX_DELTA);
  }
  /** Track index of the first packet that this leg may see; what is older came before its keyframe. */
  get firstIndex(): number {
    return this.#get(LEG.FIRST_INDEX);
  }
  get timestampOffset(): number {
    return this.#get(LEG.TIMESTAMP_OFFSET);
  }
  set timestampOffset(offset: number) {
    this.#set(LEG.TIMESTAMP_OFFSET, offset);
  }
  /** A packet was dropped for want of room. */
  get isStarved(): boolean {
    return this.#get(LEG.STARVED) !== 0;
  }
  set isStarved(isStarved: boolean) {
    this.#set(LEG.STARVED, isStarved ? 1 : 0);
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
    const delta = this.counter(TRACK_COUNTER.OUT) - trackIndex;
    this.#set(LEG.INDEX_DELTA, delta);
    this.#set(LEG.FIRST_INDEX, trackIndex);
    this.setCounter(TRACK_COUNTER.INDEX_DELTA, delta);
  }

  /** Gives the row back: once, and with the leg in no group. */
  close(): void {
    this.#table.release(this.row);
  }

  #get(column: number): number {
    return this.#table.rows[this.row * LEG_DOUBLES + column] as number;
  }
  #set(column: number, value: number): void {
    this.#table.rows[this.row * LEG_DOUBLES + column] = value;
  }
}
