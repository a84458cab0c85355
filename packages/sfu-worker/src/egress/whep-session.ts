import { randomBytes } from 'node:crypto';
import {
  HANDLING_VIEWER,
  MEDIA_KINDS,
  type MediaKind,
  ShardcastError,
  TRACK_COUNTER,
  type TrackSnapshot,
  WORKER,
} from '@shardcast/shared';
import { Leg } from '../forward/leg.ts';
import type { Reader, Stream } from '../forward/stream.ts';
import { ntpFromUnixMs, type RtcpVisitor, readRtcp, writeSdesCname, writeSenderReport } from '../rtp/rtcp/index.ts';
import { freshSsrc } from '../session/fresh-ssrc.ts';
import type { PeerHandler, PeerSession } from '../session/peer-session.ts';
import type { MediaPlan } from '../session/sdp/answer.ts';
import { matchCodec } from '../session/sdp/codec-match.ts';
import { parseOffer } from '../session/sdp/offer.ts';
import {
  type AcceptedOffer,
  answerTo,
  openPeer,
  type SessionContext,
  type SessionRequest,
} from '../session/session-context.ts';

const REPORT_BYTES = 128;
/** The stream id of every answer: viewers see one MediaStream a session. */
const CNAME = 'shardcast';

/** A viewer (WHEP): one leg a track it takes, and the RTCP between us. */
export class WhepSession implements Reader, PeerHandler {
  readonly peer: PeerSession;
  readonly legs: Partial<Record<MediaKind, Leg>> = {};
  readonly #stream: Stream;
  readonly #context: SessionContext;
  readonly #onClosed: (reason: string) => void;
  readonly #tracks: TrackSnapshot[] = [];
  readonly #bornMs: number;
  readonly #report = Buffer.alloc(REPORT_BYTES);
  readonly #rtcp: RtcpVisitor = {
    pli: () => this.#keyframeWanted(),
    fir: () => this.#keyframeWanted(),
    nack: (ssrc, pid, blp) => this.#nack(ssrc, pid, blp),
  };

  /**
   * Reads the offer and prepares the answer.
   * @throws ShardcastError SDP_INVALID; SDP_UNACCEPTABLE when no track of the stream fits the offer.
   */
  static subscribe(
    request: SessionRequest,
    stream: Stream,
    context: SessionContext,
    onClosed: (reason: string) => void,
  ): { session: WhepSession; answer: string } {
    const offer = parseOffer(request.offer);
    const tracks: TrackSnapshot[] = [];
    const plan = offer.media.map((media): MediaPlan | undefined => {
      if (media.kind !== 'audio' && media.kind !== 'video') return undefined;
      if (!media.isUsable || !media.canReceive || tracks.some((track) => track.kind === media.kind)) return undefined;
      const codec = stream.codec(media.kind);
      const match = codec === undefined ? undefined : matchCodec(media.codecs, codec);
      if (match === undefined) return undefined;
      const ssrc = freshSsrc(tracks.flatMap((track) => track.ssrc ?? []));
      tracks.push({
        kind: media.kind,
        ...(media.mid === undefined ? {} : { mid: media.mid }),
        midExtensionId: 0,
        payloadType: match.payloadType,
        codecs: [
          {
            payloadType: match.payloadType,
            name: match.name,
            clockRate: match.clockRate,
            ...(match.channels === undefined ? {} : { channels: match.channels }),
            fmtp: match.fmtp,
          },
        ],
        ssrc,
        offeredSsrcs: [],
      });
      return { codecs: [match], ssrc };
    });
    if (tracks.length === 0) {
      throw new ShardcastError('SDP_UNACCEPTABLE', `the offer has no codec in common with "${stream.path}"`);
    }
    const credentials = context.credentials();
    const accepted: AcceptedOffer = {
      kind: 'whep',
      path: stream.path,
      handling: HANDLING_VIEWER,
      request,
      offer,
      credentials,
    };
    const session = new WhepSession(accepted, tracks, stream, context, onClosed);
    return { session, answer: answerTo(accepted, plan, context, CNAME) };
  }

  private constructor(
    accepted: AcceptedOffer,
    tracks: TrackSnapshot[],
    stream: Stream,
    context: SessionContext,
    onClosed: (reason: string) => void,
  ) {
    this.#stream = stream;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#tracks = tracks;
    this.peer = openPeer(accepted, context, this);
    this.#bornMs = context.clock();
  }

  get path(): string {
    return this.#stream.path;
  }

  /** Deadlines. */
  tick(nowMs: number): void {
    this.peer.tick(nowMs);
  }

  // --- PeerHandler

  onConnected(): void {
    this.#tracks.forEach((track, index) => {
      this.legs[track.kind] = this.#makeLeg(track, index);
    });
    this.#stream.addReader(this);
  }
  onRtp(): void {
    // A viewer sends no media; its packets were never negotiated.
    this.#count(WORKER.droppedUnknownSource);
  }
  onRtcp(packet: Buffer, end: number): void {
    if (readRtcp(packet, 0, end, this.#rtcp) !== undefined) this.#count(WORKER.droppedMalformed);
  }
  onClosed(reason: string): void {
    this.#stream.removeReader(this);
    for (const kind of MEDIA_KINDS) {
      this.legs[kind]?.close();
      delete this.legs[kind];
    }
    this.#onClosed(reason);
  }
  describeTracks(): TrackSnapshot[] {
    return this.#tracks;
  }
  describeLatch(): [number, number][] {
    return [];
  }

  // --- Reader

  close(reason: string): void {
    this.peer.close(reason);
  }

  /** Sender reports of both tracks in one compound packet (RFC 3550 §6.4.1). */
  sendReports(nowMs: number): void {
    let end = 0;
    for (const kind of MEDIA_KINDS) {
      const leg = this.legs[kind];
      if (leg === undefined || leg.counter(TRACK_COUNTER.PACKETS) === 0) continue;
      const sinceMs = nowMs - leg.counter(TRACK_COUNTER.LAST_TIMESTAMP_AT);
      const timestamp = leg.counter(TRACK_COUNTER.LAST_TIMESTAMP) + Math.round((sinceMs * leg.clockRate) / 1000);
      end = writeSenderReport(this.#report, end, {
        ssrc: leg.ssrc,
        ntp: ntpFromUnixMs(nowMs),
        rtpTimestamp: timestamp % 0x1_0000_0000,
        packets: leg.counter(TRACK_COUNTER.PACKETS) % 0x1_0000_0000,
        octets: leg.counter(TRACK_COUNTER.OCTETS) % 0x1_0000_0000,
      });
      end = writeSdesCname(this.#report, end, leg.ssrc, CNAME);
    }
    if (end > 0) this.peer.sendRtcp(this.#report, end);
  }

  #makeLeg(track: TrackSnapshot, index: number): Leg {
    const [codec] = track.codecs;
    if (codec === undefined) throw new TypeError('a negotiated track has a codec');
    const leg = new Leg({
      table: this.#context.legs,
      channel: this.peer.mediaChannel,
      ssrc: track.ssrc ?? 1,
      payloadType: track.payloadType,
      codec,
      counters: this.peer.counters,
      track: index,
      joinedAtMs: this.#bornMs,
    });
    // RFC 3711 §3.3.1: begin in the lower half, so that no early loss can make the receiver guess a wrong rollover.
    leg.setCounter(TRACK_COUNTER.OUT, randomBytes(2).readUInt16BE() & 0x3fff);
    return leg;
  }

  #keyframeWanted(): void {
    this.#count(WORKER.pliReceived);
    this.#stream.pictureLost(this);
  }

  #nack(ssrc: number, pid: number, blp: number): void {
    if (!this.#context.nack) {
      this.#count(WORKER.nackIgnored); // some clients send NACKs that were never negotiated
      return;
    }
    const kind = MEDIA_KINDS.find((each) => this.legs[each]?.ssrc === ssrc);
    const leg = kind === undefined ? undefined : this.legs[kind];
    if (kind === undefined || leg === undefined) return;
    this.#stream.retransmit(kind, leg, pid);
    for (let bit = 0; bit < 16; bit++) {
      if ((blp & (1 << bit)) !== 0) this.#stream.retransmit(kind, leg, (pid + bit + 1) & 0xffff);
    }
  }

  #count(field: number): void {
    this.#context.telemetry.add(field);
  }
}
