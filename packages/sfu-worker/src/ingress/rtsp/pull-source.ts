import { parseRtspUrl, RtspClientAuth, type RtspUrl, ShardcastError } from '@shardcast/shared';
import type { StreamInlet } from '../../forward/ingest.ts';
import type { Guard, Guarded } from '../../guard.ts';
import type { WorkerLog } from '../../log.ts';
import type { ByteConnection } from './byte-connection.ts';
import type { DialTarget } from './dial-target.ts';
import { NetConnection } from './net-connection.ts';
import { PullSession } from './pull-session.ts';
import { type Schedule, systemSchedule } from './schedule.ts';
import type { UdpPairs } from './udp-pairs.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** Either way: cameras of one switch that come back together are not dialled together. */
const JITTER = 0.2;
/** Looks of the watchdog at the media per read time-out. */
const CHECKS = 4;

export type RtspPullState = 'connecting' | 'live' | 'waiting' | 'closed';

export type RtspPullOptions = {
  /** `rtsp://` or `rtsps://` URL, credentials included. */
  readonly url: string;
  /** As in `DialTarget`. */
  readonly fingerprint?: string;
  readonly allows: (address: string) => boolean;
  /** `automatic` asks for TCP, and for UDP when the camera refuses that. */
  readonly transport: 'automatic' | 'tcp' | 'udp';
  readonly inlet: StreamInlet;
  readonly udpPairs: UdpPairs;
  readonly log: WorkerLog;
  readonly guard: Guard;
  /** Without an RTP packet, or without PLAY's answer, for this long the camera is dialled again. */
  readonly readTimeoutMs: number;
  /** Each change; the reason is for an operator and holds no secret. */
  readonly onState?: (state: RtspPullState, reason: string | undefined) => void;
  readonly schedule?: Schedule;
  /** 0 <= x < 1 */
  readonly random?: () => number;
  readonly dial?: (target: DialTarget, onConnect: () => void) => ByteConnection;
};

/** A camera that is pulled for as long as this lives: it is dialled again, ever more slowly, whenever it is lost. */
export class RtspPullSource {
  readonly #options: RtspPullOptions;
  readonly #url: RtspUrl;
  /** The connection: a camera whose packets show a bug is dialled again, as one that is lost. */
  readonly #guarded: Guarded;
  #connection: ByteConnection | undefined;
  #session: PullSession | undefined;
  #state: RtspPullState | 'new' = 'new';
  #retries = 0;
  /** The reason of the last line logged while the camera is away: each is said once. */
  #saidReason: string | undefined;
  /** The only timer: the deadline of a connection, the watchdog of a session, or the wait for the next try. */
  #cancelTimer: () => void = () => undefined;

  /** @throws ShardcastError CONFIG_INVALID when the URL cannot be used; the message does not repeat it */
  constructor(options: RtspPullOptions) {
    const url = parseRtspUrl(options.url);
    if (url === undefined) throw new ShardcastError('CONFIG_INVALID', 'the source is not a usable rtsp:// URL');
    this.#options = options;
    this.#url = url;
    this.#guarded = { path: options.inlet.path, close: (reason) => this.#fail(reason) };
  }

  get state(): RtspPullState | 'new' {
    return this.#state;
  }

  start(): void {
    if (this.#state === 'new') this.#connect();
  }

  /** Says goodbye to the camera and stops for good. Idempotent. */
  close(reason: string): void {
    this.#close(reason, reason);
  }

  #close(reason: string, sinkReason: string | undefined): void {
    if (this.#state === 'closed') return;
    this.#drop(sinkReason);
    this.#become('closed', reason);
  }

  #connect(): void {
    const { readTimeoutMs, guard, allows, fingerprint = '', dial = NetConnection.dial } = this.#options;
    const { host, port, isSecure } = this.#url;
    this.#become('connecting', undefined);
    this.#arm(readTimeoutMs, () => this.#fail('the camera did not answer in time'));
    const target: DialTarget = { host, port, allows, ...(isSecure ? { tls: { fingerprint } } : {}) };
    const connection = dial(target, () => guard.run(this.#guarded, () => this.#converse(connection)));
    this.#connection = connection;
    connection.onClose = (reason) => guard.run(this.#guarded, () => this.#fail(reason));
  }

  #converse(connection: ByteConnection): void {
    if (this.#connection !== connection) return;
    const { user, password, uri } = this.#url;
    const { transport, inlet, udpPairs, guard } = this.#options;
    const session = new PullSession({
      connection,
      uri,
      // Media by UDP would leave the encrypted connection.
      transports: this.#url.isSecure ? ['tcp'] : transport === 'automatic' ? ['tcp', 'udp'] : [transport],
      auth: user === undefined ? undefined : new RtspClientAuth(user, password ?? ''),
      udpPairs,
      open: (description) =>
        inlet.open(description, {
          canMakeKeyframes: false, // RTSP has no way to ask
          requestKeyframe: () => undefined,
          sendRtcp: (track, packet) => session.sendRtcp(track, packet),
          close: (reason) => this.#close(reason, undefined),
        }),
      onLive: () => this.#goLive(session),
      onEnd: (reason) => this.#fail(reason),
      onFault: (error) => guard.caught(this.#guarded, error),
    });
    this.#session = session;
    session.start();
  }

  #goLive(session: PullSession): void {
    const { readTimeoutMs, log, inlet } = this.#options;
    this.#saidReason = undefined;
    log.info('rtsp source live', { path: inlet.path, camera: this.#camera, transport: session.transport });
    this.#become('live', undefined);
    this.#watch(session, Math.min(readTimeoutMs / CHECKS, session.keepAliveMs));
  }

  #watch(session: PullSession, stepMs: number): void {
    this.#arm(stepMs, () => {
      if (session.tick(stepMs, this.#options.readTimeoutMs)) this.#retries = 0;
      if (this.#session === session) this.#watch(session, stepMs);
    });
  }

  #fail(reason: string): void {
    if (this.#state === 'closed' || this.#state === 'waiting') return;
    const { log, inlet, random = Math.random } = this.#options;
    const wasLive = this.#state === 'live';
    this.#drop(reason);
    if (wasLive) log.warn('rtsp source lost', { path: inlet.path, camera: this.#camera, reason });
    else if (reason !== this.#saidReason) {
      log.warn('rtsp source unavailable', { path: inlet.path, camera: this.#camera, reason });
    }
    this.#saidReason = reason;
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#retries, LONGEST_RETRY_MS);
    if (delayMs < LONGEST_RETRY_MS) this.#retries++;
    this.#become('waiting', reason);
    this.#arm(delayMs * (1 + JITTER * (2 * random() - 1)), () => this.#connect());
  }

  /** Without secrets: what comes after the host may hold some. */
  get #camera(): string {
    const { host, port } = this.#url;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  #drop(sinkReason: string | undefined): void {
    this.#cancelTimer();
    this.#session?.close(sinkReason);
    this.#session = undefined;
    this.#connection?.close();
    this.#connection = undefined;
  }

  #become(state: RtspPullState, reason: string | undefined): void {
    this.#state = state;
    this.#options.onState?.(state, reason);
  }

  #arm(ms: number, run: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = (this.#options.schedule ?? systemSchedule)(ms, () =>
      this.#options.guard.run(this.#guarded, run),
    );
  }
}
