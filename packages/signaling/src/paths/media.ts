import type { RtspCarrier, StreamFacts, TrackInfo } from '@shardcast/shared';

/**
 * What the doors (HTTP, WebSocket, RTSP, API, metrics) need from the media side of the process. The path manager
 * implements it; a door's test gives a plain object.
 */

export type SessionKind = 'whip' | 'whep';

/** An accepted WHIP or WHEP session. */
export type SessionAnswer = {
  /** Unguessable (128 random bits), the secret in the session URL. */
  readonly session: string;
  /** Public id, as in SessionInfo. */
  readonly id: string;
  readonly answer: string;
  /** Strong entity tag of the ICE session, unquoted (RFC 9725 §4.3.1). */
  readonly etag: string;
};

export type SessionInfo = {
  /** Public id for the API and the `ID` header; it opens nothing. */
  readonly id: string;
  readonly kind: SessionKind | 'rtsp-push';
  readonly path: string;
  readonly state: 'connecting' | 'connected';
  readonly worker: number;
  readonly createdAt: Date;
  readonly remoteAddr: string;
};

export type PathInfo = {
  readonly name: string;
  /** The configuration entry that matched: the path's own name, or `all_others`. */
  readonly confName: string;
  readonly source: { readonly type: string } | undefined;
  /** Why it is not online, in words for an operator; absent when online. */
  readonly reason: string | undefined;
  readonly online: boolean;
  readonly onlineSince: Date | undefined;
  readonly tracks: readonly TrackInfo[];
  readonly readers: number;
  readonly worker: number | undefined;
  /** Telemetry slot in that worker. */
  readonly slot: number | undefined;
};

export type PathEvent =
  | { readonly type: 'online'; readonly path: string; readonly tracks: readonly TrackInfo[] }
  | { readonly type: 'offline'; readonly path: string; readonly reason: string };

/** Who asks for a session, as a door knows it. */
export type Caller = {
  /** For the API and for limits; an address, maybe with a port. */
  readonly remoteAddr: string;
  /** ms from now until its authorisation ends, and the session with it; Infinity when it may stay. */
  readonly lifetimeMs: number;
};

/** Why a path is where it is. */
export type PlacementInfo = {
  /** Undefined when it has no home. */
  readonly worker: number | undefined;
  /** Why it was given that home, in words, and how long ago. */
  readonly placed: { readonly reason: string; readonly ageMs: number } | undefined;
  /** What the policy says now; undefined when no worker takes it. */
  readonly now: import('../placement/policy.ts').Placement | undefined;
};

/** Every rejection is a ShardcastError. */
export interface Media {
  /** WHIP. @throws PATH_NOT_FOUND, PUBLISHER_EXISTS, SDP_*, … */
  publish(path: string, offer: string, caller: Caller): Promise<SessionAnswer>;
  /** WHEP. @throws PATH_NOT_FOUND, STREAM_NOT_READY (known path, no live source), STREAM_QUARANTINED, SDP_*, … */
  subscribe(path: string, offer: string, caller: Caller): Promise<SessionAnswer>;
  /** ICE restart (RFC 9725 §4.3.2). @throws SESSION_NOT_FOUND */
  restartIce(
    kind: SessionKind,
    path: string,
    session: string,
    credentials: { ufrag: string; pwd: string },
  ): Promise<{ ufrag: string; pwd: string; etag: string }>;
  /** The current entity tag. @throws SESSION_NOT_FOUND unless the session is of that kind and path. */
  sessionTag(kind: SessionKind, path: string, session: string): string;
  /** @throws SESSION_NOT_FOUND unless the session is of that kind and path. */
  closeSession(kind: SessionKind, path: string, session: string): Promise<void>;
  /**
   * Reserves a path for an RTSP publisher and hands its connection to the worker that will own it. Whatever comes, a
   * descriptor that the worker did not take is the caller's to close.
   */
  adoptRtsp(path: string, caller: Caller, carrier: RtspCarrier): Promise<void>;
  paths(): readonly PathInfo[];
  path(name: string): PathInfo | undefined;
  /** What is known of a path's tracks; none while it is not online. @throws PATH_NOT_FOUND */
  examine(name: string): Promise<StreamFacts>;
  /** Undefined when there is no such path. */
  placement(name: string): PlacementInfo | undefined;
  sessions(): readonly SessionInfo[];
  onPathEvent(listener: (event: PathEvent) => void): () => void;
}

/** One shard as metrics, health and the API see it. */
export type ShardView = {
  readonly worker: number;
  readonly state: 'starting' | 'up' | 'restarting' | 'stopped';
  readonly restarts: number;
  readonly telemetry: import('@shardcast/shared').Telemetry;
  readonly fastPath: 'portable' | 'native' | undefined;
  readonly dtls: 'werift' | 'openssl' | undefined;
  readonly fastPathDetail?: import('@shardcast/shared').FastPathDetail | undefined;
  readonly udpPort: number | undefined;
  /** Of the thread that runs now. */
  readonly settings?: import('@shardcast/shared').WorkerSettings | undefined;
  /** 0..1 over the last second or so. */
  eventLoopUtilization(): number;
};
