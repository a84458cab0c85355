import { createSocket, type Socket } from 'node:dgram';
import { WORKER } from '@shardcast/shared';
import type {
  DatagramReceiver,
  DatagramSocket,
  DatagramSocketContext,
  OpenDatagramSocket,
  RemoteAddress,
} from './datagram-socket.ts';

/** Kernel buffers asked for; the system may give less. */
export const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** `lookup` of a socket that only ever gets IP literals: answers at once, so that sends are synchronous. */
function literalLookup(
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, host, host.includes(':') ? 6 : 4);
}

/** Node's own socket: a system call and an event a datagram. */
export const openNodeDatagramSocket: OpenDatagramSocket = (where, context) => {
  const socket = createSocket({ type: where.host.includes(':') ? 'udp6' : 'udp4', lookup: literalLookup });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(where.port, where.host, () => {
      socket.removeListener('error', reject);
      resolve(new NodeDatagramSocket(socket, context));
    });
  });
};

class NodeDatagramSocket implements DatagramSocket {
  readonly port: number;
  readonly family: 4 | 6;
  readonly #socket: Socket;
  #closed = false;

  constructor(socket: Socket, { telemetry, log }: DatagramSocketContext) {
    this.#socket = socket;
    this.port = socket.address().port;
    this.family = socket.address().family === 'IPv6' ? 6 : 4;
    try {
      socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
      socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
    } catch (error) {
      log.debug('socket buffers stay at their default size', { err: String(error) });
    }
    socket.on('error', () => telemetry.add(WORKER.droppedSendError));
  }

  get queued(): number {
    return this.#closed ? 0 : this.#socket.getSendQueueCount();
  }

  start(receiver: DatagramReceiver): void {
    this.#socket.on('message', (datagram, from) => receiver.onDatagram(datagram, 0, datagram.length, from));
  }

  send(bytes: Buffer, start: number, length: number, remote: RemoteAddress): void {
    if (!this.#closed) this.#socket.send(bytes, start, length, remote.port, remote.address);
  }

  sendWhole(datagram: Buffer, remote: RemoteAddress): void {
    if (!this.#closed) this.#socket.send(datagram, remote.port, remote.address);
  }

  know(): void {}
  forget(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}
