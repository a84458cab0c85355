import { z } from 'zod';
import { CodecParameters, MEDIA_KINDS } from './media.ts';

/**
 * A session as a value: with its snapshot and its counters a session can be restored in another thread.
 * The snapshot is posted when it changes; the counters live in shared memory and are written before they are used,
 * so that no (key, packet index) pair is ever used twice.
 */

/** Doubles a session in the counters' SharedArrayBuffer. */
export const SESSION_DOUBLES = 24;
export const MAX_TRACKS = 2;

/** Fields of a session's counters, in doubles from the session's start. */
export const SESSION_COUNTER = {
  /** Next SRTCP index to send, 31 bits (RFC 3711 §3.4). */
  RTCP_OUT: 0,
  /** Highest SRTCP index received, -1 before the first. */
  RTCP_IN: 1,
  /** Wall-clock time of the last valid STUN check, ms since the epoch. */
  LAST_SEEN: 2,
} as const;

const TRACK_BASE = 4;
const TRACK_DOUBLES = 9;
/** Fields of a track's counters, in doubles from the track's start. */
export const TRACK_COUNTER = {
  /** Next SRTP packet index to send (ROC * 65536 + sequence number). */
  OUT: 0,
  /** Highest SRTP packet index received, -1 before the first. */
  IN: 1,
  /** Added to the source's timestamp, modulo 2^32. */
  TIMESTAMP_OFFSET: 2,
  LAST_TIMESTAMP: 3,
  PACKETS: 4,
  OCTETS: 5,
  /** Received SSRC, -1 before the first packet (publishers). */
  SSRC_IN: 6,
  /** Wall-clock time of LAST_TIMESTAMP, ms since the epoch. */
  LAST_TIMESTAMP_AT: 7,
  /** Output packet index minus the stream's packet index. */
  INDEX_DELTA: 8,
} as const;

/** Where track `track` (0 or 1) of a session keeps `field`, in doubles from the session's start. */
export function trackCounter(track: number, field: number): number {
  return TRACK_BASE + track * TRACK_DOUBLES + field;
}

const Base64 = z.string();

/** DTLS record keys of both directions: ours is made when it is sent. */
const WeriftAlertKeys = z.strictObject({ peerKey: Base64, peerIv: Base64, ownKey: Base64, ownIv: Base64 });
/** OpenSSL keeps its writing key: our close_notify is a datagram that is ready. */
const OpenSslAlertKeys = z.strictObject({ peerKey: Base64, peerIv: Base64, goodbye: Base64 });

/** Keys of one connected session. As secret as the session itself: never logged, never in the API. */
export const SessionKeys = z.strictObject({
  /** RFC 5764 / RFC 7714 protection profile number: 1 AES128_CM_HMAC_SHA1_80, 7 AEAD_AES_128_GCM. */
  profile: z.union([z.literal(1), z.literal(7)]),
  localKey: Base64,
  localSalt: Base64,
  remoteKey: Base64,
  remoteSalt: Base64,
  /** For reading the peer's close_notify and sending ours. */
  alert: z.union([WeriftAlertKeys, OpenSslAlertKeys]),
});
export type SessionKeys = z.infer<typeof SessionKeys>;

export const TrackSnapshot = z.strictObject({
  kind: z.enum(MEDIA_KINDS),
  mid: z.string().optional(),
  /** Extension id of sdes:mid, 0 when not negotiated. */
  midExtensionId: z.int(),
  payloadType: z.int(),
  codecs: z.array(z.strictObject({ payloadType: z.int(), ...CodecParameters.shape })),
  /** What we send with (viewers); absent for publishers. */
  ssrc: z.int().optional(),
  /** SSRCs that the publisher's offer named. */
  offeredSsrcs: z.array(z.int()),
});
export type TrackSnapshot = z.infer<typeof TrackSnapshot>;

export const SessionSnapshot = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  kind: z.enum(['whip', 'whep']),
  path: z.string(),
  /** Index of the session's counters in the shared buffer. */
  slot: z.int(),
  ufrag: z.string(),
  pwd: z.string(),
  peerUfrag: z.string(),
  remote: z.strictObject({ address: z.string(), port: z.int() }).optional(),
  keys: SessionKeys.optional(),
  tracks: z.array(TrackSnapshot).max(MAX_TRACKS),
  /** Received SSRC to track index. */
  latch: z.array(z.tuple([z.int(), z.int()])),
});
export type SessionSnapshot = z.infer<typeof SessionSnapshot>;
