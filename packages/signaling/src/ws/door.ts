import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Authorise } from '../auth/authorise.ts';
import { allowedOrigin } from '../http/cors.ts';
import { HTTP_STATUS, type Rejections } from '../http/problem.ts';
import type { Logger } from '../logging/logger.ts';
import type { Media } from '../paths/media.ts';
import { WebSocketClient } from './client.ts';

const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_CLIENTS = 4_096;
const PING_MS = 10_000;

export type WebSocketDoorOptions = {
  readonly media: Media;
  readonly authorise: Authorise;
  /** As `webrtcAllowOrigins`. Clients without an Origin are no browsers and always admitted. */
  readonly allowOrigins: readonly string[];
  readonly log: Logger;
  readonly rejections?: Rejections;
  /** Monotonic, ms. */
  readonly clock?: () => number;
  readonly pingMs?: number;
};

/** `/ws` on an HTTP server. */
export class WebSocketDoor {
  readonly #options: WebSocketDoorOptions;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    // Compression costs memory a socket and lets a small message hold a large one.
    perMessageDeflate: false,
    clientTracking: false,
  });
  readonly #clients = new Map<WebSocket, WebSocketClient>();
  readonly #pings: NodeJS.Timeout;
  readonly #stopEvents: () => void;

  constructor(server: Server, options: WebSocketDoorOptions) {
    this.#server = server;
    this.#options = options;
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
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#admit(webSocket, request));
  };

  /** Status line and headers, or undefined for a welcome client. */
  #refusal({ url, headers: { origin } }: IncomingMessage): string | undefined {
    if (url?.split('?')[0] !== '/ws') return '404 Not Found';
    // Against cross-site WebSocket hijacking: browsers always say where a page is from.
    if (origin !== undefined && allowedOrigin(this.#options.allowOrigins, origin) === undefined) return '403 Forbidden';
    return this.#clients.size >= MAX_CLIENTS ? '503 Service Unavailable\r\nRetry-After: 5' : undefined;
  }

  #admit(socket: WebSocket, request: IncomingMessage): void {
    const { media, authorise, log, rejections, clock } = this.#options;
    const client = new WebSocketClient(socket, request, {
      media,
      authorise,
      log,
      clock: clock ?? (() => performance.now()),
      onRejected: ({ code }) => {
        if (HTTP_STATUS[code] === 503) rejections?.count(code);
      },
    });
    this.#clients.set(socket, client);
    socket.on('close', () => this.#clients.delete(socket));
  }
}
