/**
 * The peer of an RTSP connection, whoever holds its socket: this thread (`NetConnection`, `PolledConnection`) or the main thread,
 * which relays (`PortConnection`). Set `onBytes` and `onClose` before control returns to the event loop.
 */
export interface ByteConnection {
  /** The peer's IP address; IPv4 addresses of a dual-stack socket without their IPv6 prefix. Empty when unknown. */
  readonly remoteAddress: string;
  /** This side's IP address, as the peer sees it; empty when unknown. */
  readonly localAddress: string;
  /** buffer[start, end) is borrowed for the call: the next read overwrites it. */
  onBytes: (buffer: Buffer, start: number, end: number) => void;
  /** The connection ended by itself: called once, never after `close`. */
  onClose: (reason: string) => void;
  /** Sends bytes, which belong to the connection from then on. A peer that does not read them is dropped. */
  write(bytes: Buffer): void;
  /** Ends the connection after what was written. Idempotent. */
  close(): void;
}

/** What a read takes at most: some milliseconds of a fast camera, so that a read is a good batch. */
const READ_BYTES = 128 * 1024;

/**
 * All sockets of the thread read into it: each read is handed on and done with before the next begins, on every platform,
 * since readiness is waited for before memory is asked for. So a camera costs no read buffer.
 */
let shared: Buffer | undefined;
export function readBuffer(): Buffer {
  shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
  return shared;
}

/** How long a closed connection may take to send its last bytes. */
export const LINGER_MS = 2000;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name could not be looked up',
  ETIMEDOUT: 'connection timed out',
  EPIPE: 'connection reset',
};

/** What a connection ends with when its peer ended it. */
export const ENDED_BY_PEER = 'the peer closed the connection';
/** What it ends with when more than MAX_UNSENT_BYTES wait to be sent. */
export const NOT_READ = 'the peer does not read its answers';

/** In words that are the same each time: addresses and ports would make each failure look new. */
export function describeFailure(error: NodeJS.ErrnoException): string {
  const [first] = error instanceof AggregateError ? error.errors : [];
  const code = error.code ?? (first instanceof Error && 'code' in first ? String(first.code) : undefined);
  return code === undefined ? error.message : describeCode(code);
}

/** @param code such as `ECONNRESET` */
export function describeCode(code: string): string {
  return REASONS[code] ?? code;
}
