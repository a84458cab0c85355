/**
 * The peer of an RTSP connection, whoever holds its socket: this thread (`NetConnection`) or the main thread, which relays
 * (`PortConnection`). Set `onBytes` and `onClose` before control returns to the event loop.
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

/** `::ffff:192.0.2.1` as `192.0.2.1`; anything else as it is. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
