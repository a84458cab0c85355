import { connect, type Socket } from 'node:net';
import { allowedLookup, isRefusedLiteral, MAX_UNSENT_BYTES, plainAddress } from '@shardcast/shared';
import {
  type ByteConnection,
  describeFailure,
  ENDED_BY_PEER,
  LINGER_MS,
  NOT_READ,
  readBuffer,
} from './byte-connection.ts';
import { type DialTarget, NOT_ALLOWED } from './dial-target.ts';
import { certificateFault, dialTls } from './dial-tls.ts';

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
  static dial(target: DialTarget, onConnect: () => void): NetConnection {
    const connection = new NetConnection();
    if (isRefusedLiteral(target.host, target.allows)) {
      setImmediate(() => connection.#end(NOT_ALLOWED));
      return connection;
    }
    const { host, port, tls } = target;
    const options = { host, port, lookup: allowedLookup(target.allows, NOT_ALLOWED), noDelay: true, keepAlive: true };
    const socket = tls === undefined ? connect({ ...options, onread: connection.#onRead() }) : dialTls(options);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      if (connection.#isClosed) return;
      const fault = tls === undefined ? undefined : certificateFault(socket, tls.fingerprint);
      if (fault !== undefined) {
        socket.destroy(new Error(fault));
        return;
      }
      connection.#learnAddresses(socket);
      onConnect();
    });
    if (tls !== undefined) connection.#readFrom(socket);
    connection.#attach(socket);
    return connection;
  }

  /** Over a socket that someone else accepted; it reads into buffers of its own. */
  static over(socket: Socket): NetConnection {
    const connection = new NetConnection();
    connection.#readFrom(socket);
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

  #readFrom(socket: Socket): void {
    socket.on('data', (bytes: Buffer) => {
      if (!this.#isClosed) this.onBytes(bytes, 0, bytes.length);
    });
  }

  #end(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.onClose(reason);
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
    socket.on('close', () => this.#end(reason));
  }

  #learnAddresses(socket: Socket): void {
    this.#remoteAddress = plainAddress(socket.remoteAddress);
    this.#localAddress = plainAddress(socket.localAddress);
  }
}
