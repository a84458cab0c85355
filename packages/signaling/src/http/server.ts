import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { formatAddress, type ListenAddress, ShardcastError } from '@shardcast/shared';
import type { LineLog } from '../logging/limited-log.ts';
import type { CertificateFiles } from '../tls/certificate-files.ts';
import { TLS } from '../tls/server-options.ts';

export type RequestLimits = {
  /** A client that is slower than this with its headers, or its whole request, is not served. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** Late requests are looked for this often. */
  readonly checkMs: number;
  /** A client that takes nothing of its answer for so long is cut. */
  readonly idleMs: number;
};
/** Node's own (60 s, 300 s, 30 s) feed slowloris. */
const LIMITS: RequestLimits = { headersMs: 5_000, requestMs: 10_000, checkMs: 1_000, idleMs: 60_000 };
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 64;
const KEEP_ALIVE_MS = 5_000;
const NO_TARGET = JSON.stringify({
  type: 'about:blank',
  title: 'Bad Request',
  status: 400,
  detail: 'the URL has a fragment',
  code: 'BAD_REQUEST',
  error: 'the URL has a fragment',
});
const BUSY = [
  'HTTP/1.1 503 Service Unavailable',
  'Retry-After: 5',
  'Connection: close',
  'Content-Length: 0',
  '\r\n',
].join('\r\n');

export type HttpDoorOptions = {
  readonly limits?: RequestLimits;
  /** HTTPS with it. */
  readonly certificate?: CertificateFiles | undefined;
  /** Whether a connection may stay. */
  readonly admits?: () => boolean;
};

/** A listening HTTP server. */
export type HttpDoor = {
  readonly server: Server | SecureServer;
  readonly scheme: 'http' | 'https';
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /** Takes no more connections, lets running requests end within `graceMs`, then cuts the rest. Idempotent. */
  close(graceMs?: number): Promise<void>;
};

/**
 * @param log for connections that cannot be accepted
 * @throws ShardcastError CONFIG_INVALID when the address cannot be listened on
 */
export async function listenHttp(
  listener: RequestListener,
  { host, port }: ListenAddress,
  log: Pick<LineLog, 'error'>,
  { limits = LIMITS, certificate, admits }: HttpDoorOptions = {},
): Promise<HttpDoor> {
  const options = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  // A fragment is no part of a request's target (RFC 9112 §3.2), and Express finds no path in some that have one.
  const checked: RequestListener = (req, res) => {
    if (!req.url?.includes('#')) listener(req, res);
    else res.writeHead(400, { 'Content-Type': 'application/problem+json', Connection: 'close' }).end(NO_TARGET);
  };
  const server =
    certificate === undefined
      ? createServer(options, checked)
      : createSecureServer({ ...options, ...TLS, ...certificate.pair }, checked);
  if (server instanceof SecureServer) certificate?.onChange((pair) => server.setSecureContext({ ...TLS, ...pair }));
  server.maxHeadersCount = MAX_HEADERS;
  server.timeout = limits.idleMs;
  if (admits !== undefined)
    server.prependListener('connection', (socket) => admits() || turnAway(socket, certificate !== undefined));
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException): void => {
      const reason = cause.code === 'EADDRINUSE' ? 'the address is in use' : (cause.code ?? cause.message);
      const address = formatAddress({ host, port });
      reject(new ShardcastError('CONFIG_INVALID', `cannot listen on ${address}: ${reason}`, { cause }));
    };
    server.once('error', refuse);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', refuse);
      // Out of file descriptors, say: a connection that cannot be accepted is no reason to end.
      server.on('error', (error) => log.error({ err: error }, 'http connection not accepted'));
      resolve();
    });
  });
  const bound = server.address();
  let closing: Promise<void> | undefined;
  return {
    server,
    scheme: certificate === undefined ? 'http' : 'https',
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close(graceMs = 2_000) {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), graceMs).unref();
      });
      return closing;
    },
  };
}

/** No descriptor is left for it. Within TLS nothing can be said. */
function turnAway(socket: Socket, isEncrypted: boolean): void {
  socket.on('error', () => undefined);
  if (!isEncrypted) socket.write(BUSY);
  socket.destroySoon();
}
