import type { IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
import type { Duplex } from 'node:stream';
import { networkList } from '@shardcast/shared';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Authorise } from '../auth/authorise.ts';
import { peerAddress, trustProxies } from '../auth/peer-address.ts';
import { type GuardedConnection, guarded } from '../guard/guarded.ts';
import { allowedOrigin } from '../http/cors.ts';
import { isFromOwnPage } from '../http/own-origin.ts';
import { countRejection, type Rejections } from '../http/problem.ts';
import type { HttpDoor } from '../http/server.ts';
import { LimitedLog, type LineLog } from '../logging/limited-log.ts';
import { clientKey } from '../paths/client-key.ts';
import type { Media } from '../paths/media.ts';
import { Tally } from '../paths/tally.ts';
import { WebSocketClient } from './client.ts';

const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_CLIENTS = 4_096;
const MAX_CLIENTS_PER_ADDRESS = 256;
const PING_MS = 10_000;
/** Lines a second of each message, whatever clients do. */
const LOG_LINES_PER_SECOND = 5;

export type WebSocketDoorOptions = {
  readonly media: Media;
  readonly authorise: Authorise;
  /** As `webrtcAllowOrigins`. Clients without an Origin are no browsers and always admitted. */
  readonly allowOrigins: readonly string[];
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[];
  readonly log: LineLog;
  readonly rejections?: Rejections;
  /** Monotonic, ms. */
  readonly clock?: () => number;
  readonly pingMs?: number;
  /** This host is not counted. */
  readonly maxClientsPerAddress?: number;
};

/** `/ws` on an HTTP server. */
export class WebSocketDoor {
  readonly #options: WebSocketDoorOptions;
  readonly #log: LineLog;
  readonly #server: HttpDoor['server'];
  readonly #trusted: BlockList;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    // Compression costs memory a socket and lets a small message hold a large one.
    perMessageDeflate: false,
    clientTracking: false,
  });
  readonly #clients = new Map<WebSocket, WebSocketClient>();
  /** By `clientKey`. */
  readonly #byAddress = new Tally<string>();
  readonly #pings: NodeJS.Timeout;
  readonly #stopEvents: () => void;

  constructor(server: HttpDoor['server'], options: WebSocketDoorOptions) {
    this.#server = server;
    this.#options = options;
    this.#trusted = networkList(options.trustedProxies ?? []);
    const { log, clock = () => performance.now() } = options;
    this.#log = new LimitedLog(log, { perSecond: LOG_LINES_PER_SECOND, clock });
    server.on('upgrade', this.#onUpgrade);
    this.#stopEvents = options.media.onPathEvent((event) => {
      for (const client of this.#clients.values()) client.notify(event);
    });
    this.#pings = setInterval(() => {
      for (const client of this.#clients.values()) client.checkAlive();
    }, options.pingMs ?? PING_MS);
    this.#pings.unref();
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Sends every client away (1001); their sessions end. Idempotent. */
  close(): void {
    clearInterval(this.#pings);
    this.#stopEvents();
    this.#server.off('upgrade', this.#onUpgrade);
    for (const socket of this.#clients.keys()) socket.close(1001, 'the server is going away');
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    const guard = { log: this.#log, door: 'websocket', destroy: () => socket.destroy() };
    guarded(guard, () => this.#upgrade(request, socket, head, guard))();
  };

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, guard: GuardedConnection): void {
    trustProxies(request, this.#trusted);
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      // Nobody reads from it any more, so that its other end would never be noticed to close.
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
      return;
    }
    if (this.#isStrangersPage(request)) delete request.headers.authorization;
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#admit(webSocket, request, guard));
  }

  /** Status line and headers, or undefined for a welcome client. */
  #refusal(request: IncomingMessage): string | undefined {
    const {
      url,
      headers: { origin },
    } = request;
    if (url?.split('?')[0] !== '/ws') return '404 Not Found';
    // Against cross-site WebSocket hijacking: browsers always say where a page is from.
    if (origin !== undefined && allowedOrigin(this.#options.allowOrigins, origin) === undefined) return '403 Forbidden';
    const key = clientKey(peerAddress(request));
    const { maxClientsPerAddress = MAX_CLIENTS_PER_ADDRESS } = this.#options;
    if (key !== undefined && this.#byAddress.of(key) >= maxClientsPerAddress)
      return '429 Too Many Requests\r\nRetry-After: 5';
    return this.#clients.size >= MAX_CLIENTS ? '503 Service Unavailable\r\nRetry-After: 5' : undefined;
  }

  /**
   * A page that `*` alone admits gets what a stranger gets: its browser adds the password that its user gave our own page.
   * What the page itself knows, it has in the URL.
   */
  #isStrangersPage(request: IncomingMessage): boolean {
    const { origin } = request.headers;
    if (origin === undefined || isFromOwnPage(request) === true) return false;
    return allowedOrigin(this.#options.allowOrigins, origin) === '*' && !this.#options.allowOrigins.includes(origin);
  }

  #admit(socket: WebSocket, request: IncomingMessage, guard: GuardedConnection): void {
    const { media, authorise, rejections, clock } = this.#options;
    const client = new WebSocketClient(socket, request, {
      media,
      authorise,
      log: this.#log,
      guard,
      clock: clock ?? (() => performance.now()),
      onRejected: ({ code }) => countRejection(rejections, code),
    });
    this.#clients.set(socket, client);
    const key = clientKey(peerAddress(request));
    if (key !== undefined) this.#byAddress.add(key);
    socket.on('close', () => {
      this.#clients.delete(socket);
      if (key !== undefined) this.#byAddress.remove(key);
    });
  }
}
