import {
  CODEC_NAMES,
  type CodecParameters,
  ShardcastError,
  TRACK_COUNTER,
  type TrackSnapshot,
  trackCounter,
  WORKER,
} from '@shardcast/shared';
import type { SourceSink, SourceTrack, Upstream } from '../forward/ingest.ts';
import type { Stream } from '../forward/stream.ts';
import { writePli, writeReceiverReport } from '../rtp/rtcp/index.ts';
import { RtpView } from '../rtp/view.ts';
import type { PeerHandler, PeerSession } from '../session/peer-session.ts';
import type { MediaPlan } from '../session/sdp/answer.ts';
import { publisherCodecs } from '../session/sdp/codec-match.ts';
import { parseOffer } from '../session/sdp/offer.ts';
import {
  type AcceptedOffer,
  answerTo,
  openPeer,
  type SessionContext,
  type SessionRequest,
} from '../session/session-context.ts';
import { ReplayWindow } from '../session/srtp/replay-window.ts';
import { guessIndex } from '../session/srtp/rollover.ts';
import { CodecSwitches } from './codec-switches.ts';

/** How long a publisher's second track is waited for before the stream goes online without it. */
const TRACKS_DEADLINE_MS = 500;
/** The SSRC of our feedback; nobody sends media under it. */
const FEEDBACK_SSRC = 1;

/** The receiving side of one negotiated m-line. */
class ReceivedTrack {
  readonly snapshot: TrackSnapshot;
  readonly index: number;
  /** The newest SSRC latched, -1 before the first packet. */
  ssrc = -1;
  /** What the publisher really sends; known from its first packet. */
  payloadType = -1;
  constructor(snapshot: TrackSnapshot, index: number) {
    this.snapshot = snapshot;
    this.index = index;
  }
  get codec(): (CodecParameters & { payloadType: number }) | undefined {
    return this.snapshot.codecs.find((codec) => codec.payloadType === this.payloadType);
  }
}

/** A received SSRC. Its window outlives a change of SSRC, so that old packets cannot be replayed into the track. */
type Latched = { readonly track: ReceivedTrack; readonly window: ReplayWindow };

/** SSRCs that a session may use in its life; a publisher that changes more often must connect again. */
const MAX_SSRCS = 64;

/**
 * A publisher (WHIP). It is answered every codec that we can carry and chooses; which one it is we learn from its
 * first authenticated packet, and only then does the stream go online.
 */
export class WhipSession implements PeerHandler {
  readonly peer: PeerSession;
  readonly #stream: Stream;
  readonly #context: SessionContext;
  readonly #onClosed: (reason: string) => void;
  readonly #tracks: ReceivedTrack[];
  readonly #latch = new Map<number, Latched>();
  readonly #view = new RtpView();
  readonly #switches = new CodecSwitches();
  #sink: SourceSink | undefined;
  #sinkTracks: ReceivedTrack[] = [];
  #isLatchNew = false;
  #firstPacketMs = Number.NaN;
  #lastPacketMs: number;

  /** @throws ShardcastError SDP_INVALID; SDP_UNACCEPTABLE without a codec that we carry; PUBLISHER_EXISTS where it may not take over. */
  static publish(
    request: SessionRequest,
    stream: Stream,
    context: SessionContext,
    onClosed: (reason: string) => void,
  ): { session: WhipSession; answer: string } {
    const offer = parseOffer(request.offer);
    const tracks: TrackSnapshot[] = [];
    const plan = offer.media.map((media): MediaPlan | undefined => {
      if (media.kind !== 'audio' && media.kind !== 'video') return undefined;
      if (!media.isUsable || !media.canSend || tracks.some((track) => track.kind === media.kind)) return undefined;
      const codecs = publisherCodecs(media);
      const first = codecs[0];
      if (first === undefined) return undefined;
      tracks.push({
        kind: media.kind,
        ...(media.mid === undefined ? {} : { mid: media.mid }),
        midExtensionId: media.midExtensionId,
        payloadType: first.payloadType,
        codecs: codecs.map((codec) => ({
          payloadType: codec.payloadType,
          name: codec.name,
          clockRate: codec.clockRate,
          ...(codec.channels === undefined ? {} : { channels: codec.channels }),
          fmtp: codec.fmtp,
        })),
        offeredSsrcs: [...media.ssrcs],
      });
      return { codecs };
    });
    if (tracks.length === 0) {
      throw new ShardcastError('SDP_UNACCEPTABLE', `the offer has no codec of ${CODEC_NAMES.join(', ')}`);
    }
    if (!stream.takesSource) {
      throw new ShardcastError('PUBLISHER_EXISTS', `someone is already publishing to "${stream.path}"`);
    }
    const credentials = context.credentials();
    const accepted: AcceptedOffer = {
      kind: 'whip',
      path: stream.path,
      handling: stream.slot + 1,
      request,
      offer,
      credentials,
    };
    const session = new WhipSession(accepted, tracks, stream, context, onClosed);
    return { session, answer: answerTo(accepted, plan, context, '') };
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
    this.#tracks = tracks.map((track, index) => new ReceivedTrack(track, index));
    this.#lastPacketMs = context.clock();
    this.peer = openPeer(accepted, context, this);
    for (const track of this.#tracks) {
      this.peer.counters[trackCounter(track.index, TRACK_COUNTER.IN)] = -1;
      this.peer.counters[trackCounter(track.index, TRACK_COUNTER.SSRC_IN)] = -1;
    }
  }

  get path(): string {
    return this.#stream.path;
  }

  // --- PeerHandler

  onConnected(): void {
    // Nothing to do before the first packet: it says which codec was chosen.
  }

  onRtp(datagram: Buffer): void {
    const receiver = this.peer.receiver;
    const view = this.#view;
    if (receiver === undefined || view.wrapHeader(datagram, 0, datagram.length) !== undefined) {
      this.#count(WORKER.srtpRejectedMalformed);
      return;
    }
    const ssrc = view.ssrc;
    const known = this.#latch.get(ssrc);
    const index = known === undefined ? view.sequence : guessIndex(known.window.highest, view.sequence);
    if (index < 0 || (known !== undefined && !known.window.isFresh(index))) {
      this.#count(WORKER.srtpRejectedReplay);
      return;
    }
    const end = receiver.unprotect(datagram, 0, datagram.length, view.headerLength, index);
    if (end < 0) {
      this.#count(WORKER.srtpRejectedAuth);
      return;
    }
    // Everything below is authenticated.
    const latched = known ?? this.#latchNew(datagram, end, ssrc);
    if (latched === undefined) {
      this.#count(WORKER.droppedUnknownSource);
      return;
    }
    const { track, window } = latched;
    const nowMs = this.#context.clock();
    this.#lastPacketMs = nowMs;
    window.add(index);
    if (ssrc !== track.ssrc) this.#switchTo(track, ssrc);
    this.peer.counters[trackCounter(track.index, TRACK_COUNTER.IN)] = window.highest;
    this.peer.releaseHandshake();
    if (view.payloadType !== track.payloadType && !this.#codecSeen(track, view.payloadType, nowMs)) {
      this.#count(WORKER.droppedUnknownSource);
      return;
    }
    if (this.#sink === undefined) this.#tryOpen(nowMs);
    const at = this.#sinkTracks.indexOf(track);
    this.#sink?.tracks[at]?.receive(datagram, 0, end);
    // The last packet of a frame ends the batch; what has no marker waits for the next read at most.
    if (view.marker) this.#sink?.flush();
    else this.#context.onFlushWanted(this);
  }

  flush(): void {
    this.#sink?.flush();
  }

  onRtcp(packet: Buffer, end: number): void {
    for (const track of this.#sink?.tracks ?? []) track.receiveRtcp(packet, 0, end);
  }

  onClosed(reason: string): void {
    const sink = this.#sink;
    this.#sink = undefined;
    try {
      sink?.close(reason);
    } finally {
      this.#onClosed(reason);
    }
  }

  describeTracks(): TrackSnapshot[] {
    return this.#tracks.map(({ snapshot, payloadType }) => (payloadType < 0 ? snapshot : { ...snapshot, payloadType }));
  }
  describeLatch(): [number, number][] {
    return [...this.#latch].map(([ssrc, { track }]) => [ssrc, track.index]);
  }

  // ---

  close(reason: string): void {
    this.peer.close(reason);
  }

  /** Deadlines. A publisher that is connected and sends nothing is let go. */
  tick(nowMs: number): void {
    this.peer.tick(nowMs);
    if (this.peer.state !== 'connected') this.#lastPacketMs = nowMs;
    else if (nowMs - this.#lastPacketMs > this.#context.readTimeoutMs) this.close('no media from the publisher');
  }

  /** Nothing: the stream reports to its source, whatever that is. */
  sendReports(): void {}

  /** Whose is a new SSRC: the offer's a=ssrc, then the MID extension, then the payload type (RFC 8843 §9.2). */
  #route(packet: Buffer, end: number): ReceivedTrack | undefined {
    const view = this.#view;
    if (view.wrap(packet, 0, end) !== undefined) return undefined;
    const payloadType = view.payloadType;
    const takes = (track: ReceivedTrack) => track.snapshot.codecs.some((codec) => codec.payloadType === payloadType);
    const offered = this.#tracks.find((track) => takes(track) && track.snapshot.offeredSsrcs.includes(view.ssrc));
    if (offered !== undefined) return offered;
    const byMid = this.#tracks.find((track) => {
      const id = track.snapshot.midExtensionId;
      if (id === 0 || !takes(track)) return false;
      const start = view.extensionStart(id);
      return start >= 0 && packet.toString('latin1', start, start + view.extensionLength(id)) === track.snapshot.mid;
    });
    return byMid ?? this.#tracks.find(takes);
  }

  #latchNew(packet: Buffer, end: number, ssrc: number): Latched | undefined {
    if (this.#latch.size >= MAX_SSRCS) return undefined;
    const track = this.#route(packet, end);
    if (track === undefined) return undefined;
    const latched = { track, window: new ReplayWindow() };
    this.#latch.set(ssrc, latched);
    this.#isLatchNew = true;
    return latched;
  }

  #switchTo(track: ReceivedTrack, ssrc: number): void {
    track.ssrc = ssrc;
    this.peer.counters[trackCounter(track.index, TRACK_COUNTER.SSRC_IN)] = ssrc;
    // A publisher that alternates between SSRCs must not cost a message a tick.
    if (this.#isLatchNew) this.peer.snapshotChanged();
    this.#isLatchNew = false;
  }

  /**
   * The publisher chose a codec, or another one: viewers must be told what it is.
   * @returns false when the packet must be dropped: nobody negotiated its codec, or the publisher changes it too often.
   */
  #codecSeen(track: ReceivedTrack, payloadType: number, nowMs: number): boolean {
    if (!track.snapshot.codecs.some((each) => each.payloadType === payloadType)) return false;
    const isFirst = track.payloadType < 0;
    if (!isFirst && this.#sink !== undefined) {
      const verdict = this.#switches.ask(nowMs);
      if (verdict === 'too-many') this.close('the publisher changes its codec too often');
      if (verdict !== 'allowed') return false;
    }
    track.payloadType = payloadType;
    if (Number.isNaN(this.#firstPacketMs)) this.#firstPacketMs = nowMs;
    if (this.#sink === undefined || (isFirst && this.#sinkTracks.includes(track))) return true;
    this.#sink.close('the publisher changed its tracks');
    this.#sink = undefined;
    this.#open();
    return this.#sink !== undefined;
  }

  #tryOpen(nowMs: number): void {
    const all = this.#tracks.every((track) => track.payloadType >= 0);
    if (all || nowMs - this.#firstPacketMs > TRACKS_DEADLINE_MS) this.#open();
  }

  #open(): void {
    // A silent microphone sends nothing yet; with one codec to choose from there is no doubt what it will be.
    const tracks = this.#tracks.filter((track) => track.payloadType >= 0 || track.snapshot.codecs.length === 1);
    const described = tracks.map((track): SourceTrack => {
      const codec = track.codec ?? track.snapshot.codecs[0];
      if (codec === undefined) throw new TypeError('a negotiated track has a codec');
      const { payloadType, ...parameters } = codec;
      return { kind: track.snapshot.kind, codec: parameters, payloadType };
    });
    try {
      this.#sink = this.#stream.open(
        {
          type: 'whip',
          tracks: described,
          offered: described.map(({ kind, codec }) => ({ kind, codec: codec.name, clockRate: codec.clockRate })),
        },
        this.#upstream(tracks),
      );
      this.#sinkTracks = tracks;
    } catch (error) {
      // Somebody else began to publish here while this session connected.
      this.close(error instanceof Error ? error.message : String(error));
    }
  }

  #upstream(tracks: readonly ReceivedTrack[]): Upstream {
    return {
      canMakeKeyframes: true,
      requestKeyframe: (at) => {
        const ssrc = tracks[at]?.ssrc ?? -1;
        if (ssrc < 0) return;
        const packet = Buffer.alloc(64);
        let end = writeReceiverReport(packet, 0, FEEDBACK_SSRC); // RFC 3550 §6.1: a compound begins with a report
        end = writePli(packet, end, FEEDBACK_SSRC, ssrc);
        this.peer.sendRtcp(packet, end);
        this.#count(WORKER.pliSent);
      },
      sendRtcp: (_track, packet) => this.peer.sendRtcp(packet, packet.length),
      close: (reason) => {
        this.#sink = undefined;
        this.close(reason);
      },
    };
  }

  #count(field: number): void {
    this.#context.telemetry.add(field);
  }
}
