import {
  type CodecParameters,
  MEDIA_KINDS,
  type MediaKind,
  ShardcastError,
  STREAM,
  type StreamFacts,
  Telemetry,
  type TrackInfo,
  WORKER,
} from '@shardcast/shared';
import type { FastPath } from '../fastpath/fast-path.ts';
import type { WorkerLog } from '../log.ts';
import { writeReceiverReport, writeSdesCname } from '../rtp/rtcp/index.ts';
import type { SourceDescription, SourceSink, SourceTrack, StreamInlet, Upstream } from './ingest.ts';
import type { KeyframeCacheLimits } from './keyframe-cache.ts';
import type { Leg } from './leg.ts';
import { PacketHistory } from './packet-history.ts';
import { Track } from './track.ts';
import type { TrackCommons } from './track-viewers.ts';

/** One upstream keyframe request a stream in this time, whatever its viewers ask. */
export const KEYFRAME_REQUEST_INTERVAL_MS = 500;
const REPORT_BYTES = 128;
const CNAME = 'shardcast';
const NEVER = () => false;

/** A viewer of the stream, as the stream sees it. */
export interface Reader {
  readonly legs: Readonly<Partial<Record<MediaKind, Leg>>>;
  /** The stream ended, or became something that this viewer did not negotiate. */
  close(reason: string): void;
}

export type StreamOptions = {
  readonly path: string;
  readonly slot: number;
  readonly fastPath: FastPath;
  readonly telemetry: Telemetry;
  readonly cacheLimits: KeyframeCacheLimits;
  readonly commons: TrackCommons;
  readonly maxPayloadBytes: number;
  readonly nack: boolean;
  readonly overridePublisher: boolean;
  readonly publisherGraceMs: number;
  /** Monotonic ms since the epoch. */
  readonly clock: () => number;
  readonly log: WorkerLog;
  readonly onOnline: (source: SourceDescription['type'], tracks: readonly TrackInfo[]) => void;
  readonly onOffline: (reason: string) => void;
  /** A viewer begins to catch up: someone must call `pace` soon. */
  readonly onPaceWanted: () => void;
};

type LiveSource = { readonly description: SourceDescription; readonly upstream: Upstream };

/** What is published under a path, and who watches it. Sources come and go; viewers stay. */
export class Stream implements StreamInlet {
  readonly path: string;
  readonly slot: number;
  /** A new source takes the place of one that is live; else it is refused. */
  overridePublisher: boolean;
  readonly #options: StreamOptions;
  readonly #tracks = new Map<MediaKind, Track>();
  readonly #readers = new Set<Reader>();
  readonly #report = Buffer.alloc(REPORT_BYTES);
  readonly #reportSsrc: number;
  #source: LiveSource | undefined;
  #offlineSinceMs = Number.NaN;
  /** When the first packet came that is not flushed yet, NaN without one. */
  #readAtMs = Number.NaN;
  #keyframeRequestedAtMs = Number.NEGATIVE_INFINITY;
  #keyframeWanted = false;
  #closed = false;

  constructor(options: StreamOptions) {
    this.path = options.path;
    this.slot = options.slot;
    this.overridePublisher = options.overridePublisher;
    this.#options = options;
    this.#reportSsrc = 1 + Math.floor(Math.random() * 0xffff_fffe);
  }

  get isOnline(): boolean {
    return this.#source !== undefined;
  }
  /** A source that comes now is welcome. */
  get takesSource(): boolean {
    return this.#source === undefined || this.overridePublisher;
  }
  get readerCount(): number {
    return this.#readers.size;
  }

  /** What a viewer can be offered; undefined without such a track. H.264's profile is the stream's own. */
  codec(kind: MediaKind): CodecParameters | undefined {
    const track = this.#source === undefined ? undefined : this.#tracks.get(kind);
    if (track === undefined) return undefined;
    const learnt = track.profileLevelId;
    if (track.codec.name !== 'H264' || learnt === undefined || /profile-level-id=/i.test(track.codec.fmtp)) {
      return track.codec;
    }
    const fmtp = [track.codec.fmtp, `profile-level-id=${learnt}`].filter((part) => part !== '').join(';');
    return { ...track.codec, fmtp };
  }

  open(source: SourceDescription, upstream: Upstream): SourceSink {
    if (this.#closed) throw new ShardcastError('STREAM_NOT_FOUND', `stream "${this.path}" is closed`);
    if (!this.takesSource) {
      throw new ShardcastError('PUBLISHER_EXISTS', `someone is already publishing to "${this.path}"`);
    }
    if (source.tracks.length === 0) {
      throw new ShardcastError('SDP_UNACCEPTABLE', 'the source has no track that can be forwarded');
    }
    this.#takeOver();
    const tracks = source.tracks.map((track) => this.#takeTrack(track));
    for (const kind of MEDIA_KINDS) {
      if (!source.tracks.some((track) => track.kind === kind)) this.#dropTrack(kind);
    }
    const live: LiveSource = { description: source, upstream };
    this.#source = live;
    this.#offlineSinceMs = Number.NaN;
    this.#readAtMs = Number.NaN;
    this.#options.onOnline(source.type, source.offered);
    const skipped = source.offered.filter((track) => track.skipped !== undefined);
    for (const track of skipped) {
      this.#options.log.warn('track skipped', { path: this.path, codec: track.codec, reason: track.skipped });
    }
    if (tracks.some((track) => track.viewers.hasWaiting)) this.requestKeyframe();

    return {
      tracks: tracks.map((track) => ({
        receive: (buffer, start, end) => {
          const before = this.#enter();
          if (Number.isNaN(this.#readAtMs)) this.#beginRead(tracks);
          track.receive(buffer, start, end);
          this.#leave(before);
        },
        receiveRtcp: (buffer, start, end) => {
          if (source.type !== 'whip') this.#count(WORKER.rtcpReceived); // a WHIP session counts its own
          const before = this.#enter();
          track.beginRead(this.#options.clock());
          track.receiveRtcp(buffer, start, end);
          this.#leave(before);
        },
      })),
      flush: () => this.#flush(tracks),
      close: (reason) => {
        if (this.#source === live) this.#sourceGone(reason);
      },
    };
  }

  /** What was seen of its tracks; none while there is no source. */
  facts(nowMs: number): StreamFacts {
    return { tracks: this.isOnline ? [...this.#tracks.values()].map((track) => track.facts(nowMs)) : [] };
  }

  /** Adds a viewer, whose legs begin with audio at once and with a keyframe. */
  addReader(reader: Reader): void {
    const nowMs = this.#options.clock();
    // The offer was answered before the handshake; the stream may have become another since.
    for (const kind of MEDIA_KINDS) {
      const leg = reader.legs[kind];
      const track = this.#tracks.get(kind);
      if (leg === undefined || (track !== undefined && isSameCodec(leg.codec, track.codec))) continue;
      reader.close(`the ${kind} of the stream changed`);
      return;
    }
    this.#readers.add(reader);
    this.#countReaders();
    for (const kind of MEDIA_KINDS) {
      const leg = reader.legs[kind];
      const track = this.#tracks.get(kind);
      if (leg === undefined || track === undefined) continue;
      track.viewers.add(leg, nowMs);
      if (leg.state === 'catching-up') this.#options.onPaceWanted();
    }
  }

  removeReader(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    this.#countReaders();
    for (const kind of MEDIA_KINDS) {
      const leg = reader.legs[kind];
      if (leg !== undefined) this.#tracks.get(kind)?.viewers.remove(leg);
    }
  }

  /** A viewer cannot decode any more (PLI, FIR): the source is asked for a keyframe, or where it cannot be the cache helps. */
  pictureLost(reader: Reader): void {
    if (this.#source?.upstream.canMakeKeyframes === true) {
      this.requestKeyframe();
      return;
    }
    const leg = reader.legs.video;
    const track = this.#tracks.get('video');
    if (leg === undefined || track === undefined) return;
    track.flush(); // what is pending goes to this viewer before, and into the cache
    if (!track.viewers.recover(leg, this.#options.clock())) return;
    if (leg.state === 'catching-up') this.#options.onPaceWanted();
  }

  /** Asks the source for a keyframe, at most once in KEYFRAME_REQUEST_INTERVAL_MS. */
  requestKeyframe(): void {
    const nowMs = this.#options.clock();
    if (nowMs - this.#keyframeRequestedAtMs < KEYFRAME_REQUEST_INTERVAL_MS) this.#keyframeWanted = true;
    else this.#sendKeyframeRequest(nowMs);
  }

  /** Retransmits a packet to a viewer that lost it; only where a history is kept (`nack: on`). */
  retransmit(kind: MediaKind, leg: Leg, sequence: number): void {
    this.#tracks.get(kind)?.viewers.retransmit(leg, sequence, this.#options.clock());
  }

  /**
   * Moves joining viewers on.
   * @param isOver asked between viewers: the rest waits for the next call
   * @returns true while another call is needed
   */
  pace(nowMs: number, isOver: () => boolean = NEVER): boolean {
    const before = this.#enter();
    let busy = false;
    for (const track of this.#tracks.values()) busy = track.viewers.pace(nowMs, isOver) || busy;
    this.#leave(before);
    return busy;
  }

  /** Receiver reports to the source (RFC 3550 §6.4.2), one a track. */
  sendReports(nowMs: number): void {
    const source = this.#source;
    if (source === undefined) return;
    source.description.tracks.forEach((described, index) => {
      const track = this.#tracks.get(described.kind);
      if (track === undefined || track.sourceSsrc < 0) return;
      let end = writeReceiverReport(this.#report, 0, this.#reportSsrc, track.stats.report(track.sourceSsrc, nowMs));
      end = writeSdesCname(this.#report, end, this.#reportSsrc, CNAME);
      source.upstream.sendRtcp(index, this.#report.subarray(0, end));
      if (source.description.type !== 'whip') this.#count(WORKER.rtcpSent);
    });
  }

  /** Housekeeping, a few times a second. */
  tick(nowMs: number): void {
    for (const track of this.#tracks.values()) track.tick(nowMs);
    if (nowMs - this.#keyframeRequestedAtMs >= KEYFRAME_REQUEST_INTERVAL_MS) {
      const hasWaiting = this.#tracks.get('video')?.viewers.hasWaiting === true;
      if (this.#keyframeWanted || hasWaiting) this.#sendKeyframeRequest(nowMs);
    }
    if (nowMs - this.#offlineSinceMs > this.#options.publisherGraceMs && this.#readers.size > 0) {
      this.#closeReaders('the publisher left');
    }
  }

  /** Ends the stream, its source and its viewers. Idempotent. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const upstream = this.#source?.upstream;
    try {
      this.#sourceGone(reason);
    } finally {
      upstream?.close(reason);
      this.#closeReaders(reason);
      for (const track of this.#tracks.values()) track.close();
    }
  }

  /** The packets of a read are stamped with one time: asking for it costs as much as much else of a packet. */
  #beginRead(tracks: readonly Track[]): void {
    const nowMs = this.#options.clock();
    this.#readAtMs = nowMs;
    for (const track of tracks) track.beginRead(nowMs);
  }

  #flush(tracks: readonly Track[]): void {
    const before = this.#enter();
    const readAtMs = this.#readAtMs;
    this.#readAtMs = Number.NaN;
    let any = false;
    for (const track of tracks) {
      if (!track.hasPending) continue;
      any = true;
      track.flush();
    }
    if (any) this.#options.telemetry.observe('forwardLatency', (this.#options.clock() - readAtMs) / 1000);
    this.#leave(before);
  }

  #takeTrack(source: SourceTrack): Track {
    const known = this.#tracks.get(source.kind);
    if (known !== undefined && isSameCodec(known.codec, source.codec)) {
      known.resume(source);
      return known;
    }
    if (known !== undefined) this.#dropTrack(source.kind);
    const options = this.#options;
    const track = new Track(source, {
      kind: source.kind,
      fastPath: options.fastPath,
      telemetry: options.telemetry,
      slot: options.slot,
      cacheLimits: options.cacheLimits,
      commons: options.commons,
      maxPayloadBytes: options.maxPayloadBytes,
      history: options.nack && source.kind === 'video' ? new PacketHistory() : undefined,
      onKeyframeWanted: () => this.requestKeyframe(),
    });
    this.#tracks.set(source.kind, track);
    return track;
  }

  /** The new source has no such track, or another codec: who negotiated the old one must negotiate again. */
  #dropTrack(kind: MediaKind): void {
    const track = this.#tracks.get(kind);
    if (track === undefined) return;
    this.#tracks.delete(kind);
    track.close();
    for (const reader of [...this.#readers]) {
      if (reader.legs[kind] === undefined) continue;
      this.removeReader(reader);
      reader.close(`the ${kind} of the stream changed`);
    }
  }

  #takeOver(): void {
    const upstream = this.#source?.upstream;
    if (upstream === undefined) return;
    this.#sourceGone('another publisher took its place');
    upstream.close('another publisher took its place');
  }

  #sourceGone(reason: string): void {
    if (this.#source === undefined) return;
    this.#source = undefined;
    this.#offlineSinceMs = this.#options.clock();
    try {
      for (const track of this.#tracks.values()) track.flush();
    } finally {
      this.#options.onOffline(reason); // whatever happens, the next source must find the place free
    }
  }

  #closeReaders(reason: string): void {
    for (const reader of [...this.#readers]) {
      this.removeReader(reader);
      reader.close(reason);
    }
  }

  #sendKeyframeRequest(nowMs: number): void {
    const source = this.#source;
    if (source === undefined) return;
    const track = source.description.tracks.findIndex((described) => described.kind === 'video');
    if (track < 0) return;
    this.#keyframeRequestedAtMs = nowMs;
    this.#keyframeWanted = false;
    source.upstream.requestKeyframe(track);
  }

  /** Should the worker not survive what follows, it was this stream's. */
  #enter(): number {
    return this.#options.telemetry.enter(this.slot + 1);
  }

  #leave(before: number): void {
    this.#options.telemetry.leave(before);
  }

  #count(field: number): void {
    this.#options.telemetry.add(field);
  }

  #countReaders(): void {
    const counters = this.#options.telemetry.counters;
    counters[Telemetry.streamBase(this.slot) + STREAM.readers] = this.#readers.size;
  }
}

function isSameCodec(a: CodecParameters, b: CodecParameters): boolean {
  return a.name === b.name && a.clockRate === b.clockRate && (a.channels ?? 1) === (b.channels ?? 1);
}
