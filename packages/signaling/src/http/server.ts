import { createServer, type RequestListener, type Server } from 'node:http';
import { formatAddress, type ListenAddress, ShardcastError } from '@shardcast/shared';

/** A client that is slower than this with its request is not served: the defaults of Node (60 s, 300 s) feed slowloris. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Node looks for late requests this often (its default is 30 s). */
const TIMEOUT_CHECK_MS = 1_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 64;
const KEEP_ALIVE_MS = 5_000;

/** A listening HTTP server. */
export type HttpDoor = {
  readonly server: Server;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /** Takes no more connections, lets running requests end within `graceMs`, then cuts the rest. Idempotent. */
  close(graceMs?: number): Promise<void>;
};

/** @throws ShardcastError CONFIG_INVALID when the address cannot be listened on */
export async function listenHttp(listener: RequestListener, { host, port }: ListenAddress): Promise<HttpDoor> {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    listener,
  );
  server.maxHeadersCount = MAX_HEADERS;
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException): void => {
      const reason = cause.code === 'EADDRINUSE' ? 'the address is in use' : (cause.code ?? cause.message);
      const address = formatAddress({ host, port });
      reject(new ShardcastError('CONFIG_INVALID', `cannot listen on ${address}: ${reason}`, { cause }));
    };
    server.once('error', refuse);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  const bound = server.address();
  let closing: Promise<void> | undefined;
  return {
    server,
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
