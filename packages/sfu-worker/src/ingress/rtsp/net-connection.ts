import { connect, type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { DescriptorClaim, MAX_UNSENT_BYTES, type RtspCarrier, ShardcastError } from '@shardcast/shared';
import {
  type ByteConnection,
  describeFailure,
  ENDED_BY_PEER,
  LINGER_MS,
  NOT_READ,
  plainAddress,
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
  /** Read before this connection was made, and not handed on yet. */
  #first: Buffer | undefined;

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

  /**
   * Over a socket that another thread accepted, from its duplicated descriptor. What that thread had read comes first.
   * @throws ShardcastError BAD_REQUEST when the descriptor was withdrawn; whatever the system says of one that is none
   */
  static adopt({ descriptor, claim: memory, first }: Extract<RtspCarrier, { type: 'descriptor' }>): NetConnection {
    const claim = new DescriptorClaim(memory);
    if (!claim.take()) throw new ShardcastError('BAD_REQUEST', 'the connection was withdrawn');
    const connection = new NetConnection();
    // `onread` is documented for `connect` only, but it is the constructor that takes it.
    const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd: descriptor, onread: connection.#onRead() };
    let socket: Socket;
    try {
      socket = new Socket(options);
    } catch (error) {
      claim.giveBack();
      throw error;
    }
    connection.#attach(socket);
    connection.#learnAddresses(socket);
    connection.#first = Buffer.from(first.buffer, first.byteOffset, first.byteLength);
    setImmediate(() => connection.#beginWithFirst());
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
        this.#beginWithFirst();
        if (!this.#isClosed) this.onBytes(buffer, 0, bytes);
        return true;
      },
    };
  }

  #beginWithFirst(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    if (!this.#isClosed) this.onBytes(first, 0, first.length);
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    let reason = ENDED_BY_PEER;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = describeFailure(error);
    });
    socket.on('close', () => {
      this.#beginWithFirst();
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
