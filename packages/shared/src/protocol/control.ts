import { z } from 'zod';
import type { WireError } from '../errors.ts';
import { RtspCarrier } from '../rtsp/handover.ts';
import { TrackInfo } from './media.ts';
import { SessionSnapshot } from './snapshot.ts';
import type { StreamFacts } from './stream-facts.ts';

/** What crosses between the main thread and a shard. Requests are parsed at the border, on both sides. */

const Milliseconds = z.number().min(0);

/** Everything a worker is told once, with its port. Durations in ms. */
export const WorkerSettings = z.strictObject({
  /** The shard's ordinal, from 0; it survives respawns. */
  worker: z.int().min(0),
  udp: z.strictObject({
    /** Listen address; empty for all. */
    host: z.string(),
    /** 0 lets the system choose (tests). */
    port: z.int().min(0).max(65535),
  }),
  /** IP literals for the answers' host candidates, best first. */
  candidateAddresses: z.array(z.string()).min(1),
  certificate: z.strictObject({
    certPem: z.string(),
    keyPem: z.string(),
    signatureHash: z.strictObject({ hash: z.int(), signature: z.int() }),
    /** SHA-256, upper-case hex with colons. */
    fingerprint: z.string(),
  }),
  rtcpIntervalMs: Milliseconds.min(100),
  /** Offer and answer generic NACK and keep a packet history. Off by default. */
  nack: z.boolean(),
  /** Off allocates a buffer a packet, as servers without a pool do: for the ASIS/TOBE comparison only. */
  fastPath: z.enum(['auto', 'native', 'portable']),
  dtls: z.enum(['werift', 'openssl']),
  bufferPool: z.boolean(),
  /** Slots of 1,500 bytes. */
  poolSlots: z.int().min(16),
  /** Largest UDP payload sent, SRTP tag included, bytes (MediaMTX `udpMaxPayloadSize`). */
  udpMaxPayloadSize: z.int().min(600).max(1472),
  keyframeCache: z.strictObject({ maxBytes: z.int().min(0), maxAgeMs: Milliseconds }),
  /** What RTSP publishers may choose. */
  rtspTransports: z.array(z.enum(['udp', 'tcp'])),
  handshakeTimeoutMs: Milliseconds,
  /** No valid STUN check for this long ends a session (RFC 7675 §5.1: 30 s). */
  consentTimeoutMs: Milliseconds,
  /** RTSP and WHIP sources without media for this long are closed (pulls reconnect). */
  readTimeoutMs: Milliseconds,
  /** As `AddressRule` takes them. */
  sourceNetworks: z.array(z.string()),
  /** How long viewers of a stream are kept when its publisher left. */
  publisherGraceMs: Milliseconds,
  logLevel: z.enum(['error', 'warn', 'info', 'debug', 'trace']),
});
export type WorkerSettings = z.infer<typeof WorkerSettings>;

/** What piscina hands to the worker's entry: structured-clonable, `port` transferred. */
export type WorkerBoot = {
  readonly settings: WorkerSettings;
  readonly port: import('node:worker_threads').MessagePort;
  readonly telemetry: SharedArrayBuffer;
  /** MAX_SESSIONS * SESSION_DOUBLES doubles. */
  readonly sessionCounters: SharedArrayBuffer;
};

/** Sessions a worker can hold at once. */
export const MAX_SESSIONS = 4096;

export const SourceSpec = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('rtsp'),
    /** rtsp:// or rtsps:// URL, credentials included: never logged. */
    url: z.string(),
    transport: z.enum(['automatic', 'tcp', 'udp']),
    /** SHA-256 of the certificate of an rtsps:// source, hex; empty to have it verified. */
    fingerprint: z.string(),
  }),
  z.strictObject({
    type: z.literal('file'),
    /** Absolute path of an Annex B H.264 file; an `.ogg` with Opus beside it is played along. */
    file: z.string(),
  }),
]);
export type SourceSpec = z.infer<typeof SourceSpec>;

const Path = z.string().min(1).max(256);
const Session = z.string().min(1).max(64);
const Slot = z
  .int()
  .min(0)
  .max(MAX_SESSIONS - 1);

/** Main thread → shard. */
export const ControlRequest = z.discriminatedUnion('type', [
  /** Makes the stream known to the worker. Idempotent. `slot` is the stream's telemetry slot. */
  z.strictObject({
    type: z.literal('open-stream'),
    path: Path,
    slot: z.int(),
    /** A publisher takes the place of one that is there; else it is refused. */
    overridePublisher: z.boolean(),
  }),
  /** Ends the stream, its source and all its sessions. */
  z.strictObject({ type: z.literal('close-stream'), path: Path, reason: z.string() }),
  /** What is known of the stream's tracks. */
  z.strictObject({ type: z.literal('examine-stream'), path: Path }),
  z.strictObject({ type: z.literal('open-source'), path: Path, source: SourceSpec }),
  z.strictObject({ type: z.literal('publish'), path: Path, session: Session, slot: Slot, offer: z.string() }),
  z.strictObject({ type: z.literal('subscribe'), path: Path, session: Session, slot: Slot, offer: z.string() }),
  z.strictObject({ type: z.literal('restart-ice'), session: Session, ufrag: z.string(), pwd: z.string() }),
  z.strictObject({ type: z.literal('close-session'), session: Session, reason: z.string() }),
  /** Takes over an RTSP publisher whose first ANNOUNCE was authorised. An error means that a descriptor was not taken. */
  z.strictObject({
    type: z.literal('adopt-rtsp'),
    path: Path,
    session: Session,
    remote: z.string(),
    carrier: RtspCarrier,
  }),
  /** Begins a CPU profile of the worker's thread; it ends by itself after `maxMs`. @throws PROFILE_RUNNING */
  z.strictObject({ type: z.literal('start-cpu-profile'), maxMs: Milliseconds }),
  z.strictObject({ type: z.literal('stop-cpu-profile') }),
  z.strictObject({ type: z.literal('heap-profile') }),
  /** What the thread holds open. */
  z.strictObject({ type: z.literal('inspect') }),
  /** Closes every session with close_notify and settles the worker's task. */
  z.strictObject({ type: z.literal('stop') }),
]);
export type ControlRequest = z.infer<typeof ControlRequest>;

/** What a thread holds open. */
export type ThreadInspection = {
  /** Handles, requests and timers, by kind. */
  readonly activeResources: Readonly<Record<string, number>>;
  readonly streams: number;
  readonly sessions: number;
  /** By what they are for. */
  readonly sockets: Readonly<Record<string, number>>;
};

type Results = {
  'open-stream': Record<string, never>;
  'close-stream': { closed: boolean };
  'examine-stream': StreamFacts;
  'open-source': Record<string, never>;
  publish: { answer: string };
  subscribe: { answer: string };
  /** New local credentials for the restarted session (RFC 9725 §4.3). */
  'restart-ice': { ufrag: string; pwd: string };
  'close-session': { closed: boolean };
  'adopt-rtsp': Record<string, never>;
  'start-cpu-profile': Record<string, never>;
  /** pprof, not compressed. */
  'stop-cpu-profile': { profile: Uint8Array };
  'heap-profile': { profile: Uint8Array };
  inspect: ThreadInspection;
  stop: Record<string, never>;
};
/** Indexing by the union's tag makes a request without a declared result a compile error. */
export type ControlResult<T extends ControlRequest['type']> = Results[T];

/** A request or its reply on the port. `id` is unique a port; the reply carries it back. */
export const ControlEnvelope = z.strictObject({ id: z.int(), request: ControlRequest });
export type ControlEnvelope = z.infer<typeof ControlEnvelope>;
export type ControlReply =
  | { readonly reply: number; readonly ok: unknown }
  | { readonly reply: number; readonly error: WireError };

/** What the media path found on this machine. */
export const FastPathDetail = z.strictObject({
  /** By what RTP is encrypted. */
  cipher: z.enum(['vaes', 'openssl', 'webassembly', 'node']),
  /** What the kernel takes off it: segmentation of what is sent, putting together of what is received. */
  offload: z.enum(['gso+gro', 'gso', 'gro', 'none']),
});
export type FastPathDetail = z.infer<typeof FastPathDetail>;

/** Shard → main thread, unasked. */
export const WorkerEvent = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('ready'),
    /** So that main finds the thread for its event loop utilisation. */
    threadId: z.int(),
    /** The system's id of the thread, where it has one: main reads its CPU time when it falls silent. */
    systemThreadId: z.int().optional(),
    udpPort: z.int(),
    fastPath: z.enum(['portable', 'native']),
    dtls: z.enum(['werift', 'openssl']),
    fastPathDetail: FastPathDetail.optional(),
  }),
  /** The session is connected (DTLS up), or its remote address or latched SSRCs changed. */
  z.strictObject({ event: z.literal('snapshot'), snapshot: SessionSnapshot }),
  z.strictObject({ event: z.literal('session-closed'), session: z.string(), slot: z.int(), reason: z.string() }),
  /** A source is there and viewers can subscribe. Sent again when its tracks change. */
  z.strictObject({
    event: z.literal('stream-online'),
    path: z.string(),
    source: z.enum(['whip', 'rtsp-push', 'rtsp-pull', 'file']),
    tracks: z.array(TrackInfo),
  }),
  /** The source is gone, or could not be had (again): the reason is for an operator. */
  z.strictObject({ event: z.literal('stream-offline'), path: z.string(), reason: z.string() }),
  z.strictObject({
    event: z.literal('log'),
    level: z.enum(['error', 'warn', 'info', 'debug', 'trace']),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()),
  }),
]);
export type WorkerEvent = z.infer<typeof WorkerEvent>;
