import type { Telemetry } from '@shardcast/shared';
import type { WorkerLog } from '../log.ts';

/** A peer's transport address. One object an address: compare by identity. */
export type RemoteAddress = { readonly address: string; readonly port: number };

/** Who gets a socket's datagrams. */
export interface DatagramReceiver {
  /** A datagram in buffer[start, end): borrowed until `onDrained`, and may be changed in place. */
  onDatagram(buffer: Buffer, start: number, end: number, from: RemoteAddress): void;
  /** What was delivered is about to be overwritten; never called by a socket whose datagrams have memory of their own. */
  onDrained(): void;
}

/** A worker's UDP socket. */
export interface DatagramSocket {
  readonly port: number;
  /** 6 takes IPv4 too, with addresses like `::ffff:192.0.2.1`. */
  readonly family: 4 | 6;
  /** Datagrams that it still holds: while it is 0, no memory given to `send` is in use. */
  readonly queued: number;
  /** Call once. */
  start(receiver: DatagramReceiver): void;
  /** Never throws. The bytes are borrowed until `queued` is 0. */
  send(bytes: Buffer, start: number, length: number, remote: RemoteAddress): void;
  /** The same for a buffer that is a datagram as a whole, which spares Node's socket a view of it. */
  sendWhole(datagram: Buffer, remote: RemoteAddress): void;
  /** An address that datagrams will come from: the same object comes with them. A hint. */
  know(remote: RemoteAddress): void;
  forget(remote: RemoteAddress): void;
  /** Idempotent. */
  close(): void;
}

export type DatagramSocketContext = { readonly telemetry: Telemetry; readonly log: WorkerLog };

/** Binds an IP literal. @throws the bind's error, with a `code` such as EADDRINUSE. */
export type OpenDatagramSocket = (
  where: { readonly host: string; readonly port: number },
  context: DatagramSocketContext,
) => Promise<DatagramSocket>;
