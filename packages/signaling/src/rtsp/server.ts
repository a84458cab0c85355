import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { RTSP_REASONS, writeResponse } from '@shardcast/shared';
import type { Authorise } from '../auth/authorise.ts';
import { guarded } from '../guard/guarded.ts';
import { LimitedLog, type LineLog } from '../logging/limited-log.ts';
import type { Media } from '../paths/media.ts';
import type { CertificateFiles } from '../tls/certificate-files.ts';
import { TLS } from '../tls/server-options.ts';
import type { DuplicateDescriptor } from './handover.ts';
import { PublisherDoor } from './publisher-door.ts';
import { endSoon } from './relay.ts';

/** From the connection to its ANNOUNCE, as a whole: drip-feeding does not lengthen it. */
const HEADER_TIMEOUT_MS = 10_000;
const MAX_PENDING = 256;
/** Lines a second of each message, whatever strangers do. */
const LOG_LINES_PER_SECOND = 5;

export type RtspServerOptions = {
  /** Every interface when undefined. */
  readonly host: string | undefined;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly authorise: Authorise;
  /** Whether a digest can be verified now. */
  readonly takesDigest: () => boolean;
  readonly media: Pick<Media, 'adoptRtsp'>;
  /** RTSP over TLS with it. What is encrypted is always relayed. */
  readonly certificate?: CertificateFiles | undefined;
  /** With it sockets are handed over; without it their bytes are relayed. */
  readonly duplicate?: DuplicateDescriptor | undefined;
  /** Whether a connection may stay. */
  readonly admits?: () => boolean;
  readonly log: LineLog;
  readonly headerTimeoutMs?: number;
  /** Connections that have not announced yet; more are turned away. */
  readonly maxPending?: number;
  /** Monotonic, ms. */
  readonly clock?: () => number;
};

/**
 * The RTSP listener: takes publishers (RFC 2326) and hands each to the worker that owns its path. Reading by RTSP is
 * answered with 501.
 */
export class RtspServer {
  readonly #options: RtspServerOptions;
  readonly #log: LineLog;
  readonly #server: Server;
  readonly #doors = new Set<PublisherDoor>();
  #pending = 0;
  /** Peers whose TLS handshake is under way. */
  readonly #shaking = new Set<string>();
  #isClosed = false;

  constructor(options: RtspServerOptions) {
    this.#options = options;
    const { log, clock = () => performance.now() } = options;
    this.#log = new LimitedLog(log, { perSecond: LOG_LINES_PER_SECOND, clock });
    const accept = (socket: Socket) =>
      guarded({ log: this.#log, door: 'rtsp', destroy: () => socket.destroy() }, () => this.#accept(socket))();
    const { certificate } = options;
    if (certificate === undefined) {
      this.#server = createServer({ pauseOnConnect: false }, accept);
    } else {
      const server = createSecureServer({ ...TLS, ...certificate.pair }, accept);
      server.prependListener('connection', (socket: Socket) => this.#admitHandshake(socket));
      certificate.onChange((pair) => server.setSecureContext({ ...TLS, ...pair }));
      this.#server = server;
    }
  }

  /** The port it listens on; 0 before that. */
  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** Connections that this thread holds: those that wait, and those whose bytes it relays. */
  get connections(): number {
    return this.#doors.size;
  }

  /** Rejects when the address is taken. */
  async listen(): Promise<void> {
    const { host, port } = this.#options;
    this.#server.listen({ port, ...(host === undefined ? {} : { host }) });
    await once(this.#server, 'listening');
    // Out of file descriptors, say: a connection that cannot be accepted is no reason to end.
    this.#server.on('error', (error) => this.#log.error({ err: error }, 'rtsp connection not accepted'));
  }

  /** Stops listening and ends every connection that this thread holds. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    for (const door of this.#doors) door.close('the server is shutting down');
    await closed;
  }

  /** What does not finish its TLS handshake never comes to `accept`, and holds a descriptor all the same. */
  #admitHandshake(socket: Socket): void {
    const { maxPending = MAX_PENDING, admits } = this.#options;
    socket.on('error', () => undefined);
    if (admits?.() === false || this.#shaking.size >= maxPending) {
      this.#log.info({}, 'rtsps connection turned away: too many are waiting'); // nothing can be said to it yet
      socket.destroy();
      return;
    }
    const peer = peerOf(socket);
    this.#shaking.add(peer);
    socket.once('close', () => this.#shaking.delete(peer));
  }

  #accept(socket: Socket): void {
    this.#shaking.delete(peerOf(socket));
    const { maxPending = MAX_PENDING, headerTimeoutMs = HEADER_TIMEOUT_MS, media } = this.#options;
    const isFull = this.#options.admits?.() === false;
    if (isFull || this.#pending >= maxPending) {
      const why = isFull ? 'no file descriptor is left' : 'too many are waiting';
      this.#log.info({ status: 503 }, `rtsp connection turned away: ${why}`);
      socket.on('error', () => undefined);
      socket.write(writeResponse({ status: 503, reason: RTSP_REASONS[503] ?? '', headers: [['retry-after', '1']] }));
      endSoon(socket);
      return;
    }
    this.#pending++;
    const door = new PublisherDoor({
      socket,
      media,
      log: this.#log,
      headerTimeoutMs,
      duplicate: this.#options.certificate === undefined ? this.#options.duplicate : undefined,
      authorise: this.#options.authorise,
      takesDigest: this.#options.takesDigest(),
      onSettled: () => {
        this.#pending--;
      },
      onClosed: () => {
        this.#doors.delete(door);
      },
    });
    this.#doors.add(door);
  }
}

/** One connection of a listener at a time has them. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
