import { connect, type Socket } from 'node:net';
import { MAX_UNSENT_BYTES, plainAddress } from '@shardcast/shared';
import {
  type ByteConnection,
  describeFailure,
  ENDED_BY_PEER,
  LINGER_MS,
  NOT_READ,
  readBuffer,
} from './byte-connection.ts';

/** A connection over a socket of Node. */
export class NetConnection implements ByteConnection {
  onBytes: (buffer: Buffer, start: number, end: number) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  #socket: Socket | undefined;
  #isClosed = false;
  #remoteAddress = '';
  #localAddress = '';

  private constructor() {}

  /** Connects; `onConnect` says when. A failure comes as `onClose`. */
  static dial(host: string, port: number, onConnect: () => void): NetConnection {
    const connection = new NetConnection();
    const socket = connect({ host, port, onread: connection.#onRead(), noDelay: true, keepAlive: true });
    socket.once('connect', () => {
      if (connection.#isClosed) return;
      connection.#learnAddresses(socket);
      onConnect();
    });
    connection.#attach(socket);
    return connection;
  }

  /** Over a socket that someone else accepted; it reads into buffers of its own. */
  static over(socket: Socket): NetConnection {
    const connection = new NetConnection();
    socket.on('data', (bytes: Buffer) => {
      if (!connection.#isClosed) connection.onBytes(bytes, 0, bytes.length);
    });
    connection.#attach(socket);
    connection.#learnAddresses(socket);
    return connection;
  }

  get remoteAddress(): string {
    return this.#remoteAddress;
  }
  get localAddress(): string {
    return this.#localAddress;
  }

  write(bytes: Buffer): void {
    const socket = this.#socket;
    if (this.#isClosed || socket === undefined) return;
    socket.write(bytes);
    if (socket.writableLength > MAX_UNSENT_BYTES) socket.destroy(new Error(NOT_READ));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    if (socket.connecting || socket.writableLength === 0) {
      socket.destroy();
      return;
    }
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.destroySoon();
  }

  #onRead() {
    const buffer = readBuffer();
    return {
      buffer,
      callback: (bytes: number) => {
        if (!this.#isClosed) this.onBytes(buffer, 0, bytes);
        return true;
      },
    };
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    let reason = ENDED_BY_PEER;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = describeFailure(error);
    });
    socket.on('close', () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.onClose(reason);
    });
  }

  #learnAddresses(socket: Socket): void {
    this.#remoteAddress = plainAddress(socket.remoteAddress);
    this.#localAddress = plainAddress(socket.localAddress);
  }
}
