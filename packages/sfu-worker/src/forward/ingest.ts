import type { CodecParameters, MediaKind, TrackInfo } from '@shardcast/shared';

/**
 * The border between ingress (WHIP, RTSP, files) and a stream. Ingress knows protocols, the stream knows media;
 * neither imports the other's internals.
 */

/** One track that a source offers and Shardcast forwards. */
export type SourceTrack = {
  readonly kind: MediaKind;
  readonly codec: CodecParameters;
  /** RTP payload type of the packets that `TrackSink.receive` gets; others are dropped there. */
  readonly payloadType: number;
  /** Out-of-band H.264/H.265 parameter sets (VPS, SPS, PPS order), each one NAL unit without a start code. */
  readonly parameterSets?: readonly Buffer[];
};

/** How the stream reaches back to the source of a track. */
export interface Upstream {
  /** `requestKeyframe` has an effect. Where it has none, a viewer that lost its picture is helped from the cache. */
  readonly canMakeKeyframes: boolean;
  /** Asks the source for a keyframe (PLI); a no-op where the source cannot answer. Throttled by the stream. */
  requestKeyframe(track: number): void;
  /** Sends a compound RTCP packet (RR + SDES) for a track; borrowed until the call returns. */
  sendRtcp(track: number, packet: Buffer): void;
  /** The stream was closed or taken over: drop the connection. Must not call back into the sink. */
  close(reason: string): void;
}

/** Where the packets of one track go. */
export interface TrackSink {
  /**
   * One RTP packet in buffer[start, end). Borrowed until `SourceSink.flush` returns: the bytes must not change before.
   * Never throws; a malformed packet is counted and dropped.
   */
  receive(buffer: Buffer, start: number, end: number): void;
  /** One RTCP compound packet in buffer[start, end), borrowed for the call. */
  receiveRtcp(buffer: Buffer, start: number, end: number): void;
}

/** An accepted source. */
export interface SourceSink {
  readonly tracks: readonly TrackSink[];
  /** Ends a batch: call once after each read from the network. */
  flush(): void;
  /** The source ended. Idempotent. Viewers stay for the grace period. */
  close(reason: string): void;
}

export type SourceDescription = {
  readonly type: 'whip' | 'rtsp-push' | 'rtsp-pull' | 'file';
  readonly tracks: readonly SourceTrack[];
  /** Everything that the source offers, skipped tracks with their reason, for the log and the API. */
  readonly offered: readonly TrackInfo[];
};

/** A stream, as ingress sees it. */
export interface StreamInlet {
  readonly path: string;
  /** @throws ShardcastError PUBLISHER_EXISTS when another source is live and may not be taken over; SDP_UNACCEPTABLE without a usable track. */
  open(source: SourceDescription, upstream: Upstream): SourceSink;
}
