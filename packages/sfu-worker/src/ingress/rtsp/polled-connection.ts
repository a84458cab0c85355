import { closeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import {
  allowedLookup,
  DescriptorClaim,
  isRefusedLiteral,
  MAX_UNSENT_BYTES,
  plainAddress,
  type RtspCarrier,
  socketHandle,
} from '@shardcast/shared';
import type { NativeAddon, NativeStreamSocket } from '../../fastpath/native-addon.ts';
import {
  type ByteConnection,
  describeCode,
  describeFailure,
  ENDED_BY_PEER,
  LINGER_MS,
  NOT_READ,
  readBuffer,
} from './byte-connection.ts';

import { type DialTarget, NOT_ALLOWED } from './dial-target.ts';

/** What of the addon is needed. */
export type StreamAddon = Pick<NativeAddon, 'StreamSocket' | 'duplicateDescriptor'>;

/**
 * A connection over a socket of the addon: a read is one call, where Node's streams make several and some objects. Node still
 * looks names up and connects; its socket is given up once it is connected.
 */
export class PolledConnection implements ByteConnection {
  onBytes: (buffer: Buffer, start: number, end: number) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  remoteAddress = '';
  localAddress = '';
  readonly #addon: StreamAddon;
  readonly #buffer = readBuffer();
  #dialling: Socket | undefined;
  #socket: NativeStreamSocket | undefined;
  /** Read before this connection was made, and not handed on yet. */
  #first: Buffer | undefined;
  /** What the kernel did not take yet, in order. */
  readonly #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #linger: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(addon: StreamAddon) {
    this.#addon = addon;
  }

  /** Connects; `onConnect` says when. A failure comes as `onClose`. */
  static dial(addon: StreamAddon, target: DialTarget, onConnect: () => void): PolledConnection {
    const connection = new PolledConnection(addon);
    if (isRefusedLiteral(target.host, target.allows)) {
      connection.#endSoon(NOT_ALLOWED);
      return connection;
    }
    const { host, port } = target;
    const socket = connect({
      host,
      port,
      lookup: allowedLookup(target.allows, NOT_ALLOWED),
      noDelay: true,
      keepAlive: true,
    });
    connection.#dialling = socket;
    let reason = ENDED_BY_PEER;
    socket.once('connect', () => {
      if (connection.#isClosed) return;
      try {
        connection.#takeOver(socket);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        socket.destroy();
        return;
      }
      onConnect();
    });
    socket.on('error', (error) => {
      reason = describeFailure(error);
    });
    socket.on('close', () => {
      if (connection.#dialling === socket) connection.#end(reason);
    });
    return connection;
  }

  /**
   * Over a socket that another thread accepted, from its duplicated descriptor. What that thread had read comes first.
   * @throws Error when the descriptor was withdrawn, or is none of a socket: it is not taken then
   */
  static adopt(addon: StreamAddon, carrier: Extract<RtspCarrier, { type: 'descriptor' }>): PolledConnection {
    const { descriptor, claim, first } = carrier;
    const connection = new PolledConnection(addon);
    connection.#open(descriptor, new DescriptorClaim(claim));
    connection.#first = Buffer.from(first.buffer, first.byteOffset, first.byteLength);
    setImmediate(() => connection.#beginWithFirst());
    return connection;
  }

  write(bytes: Buffer): void {
    const socket = this.#socket;
    if (this.#isClosed || socket === undefined) return;
    let taken = 0;
    if (this.#unsent.length === 0) {
      taken = socket.send(bytes, 0);
      if (taken < 0) {
        this.#endSoon(nameOf(taken));
        return;
      }
      if (taken === bytes.length) return;
      socket.watch(true, true);
    }
    this.#unsent.push(bytes.subarray(taken));
    this.#unsentBytes += bytes.length - taken;
    if (this.#unsentBytes > MAX_UNSENT_BYTES) this.#endSoon(NOT_READ);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#dialling?.destroy();
    if (this.#unsent.length === 0) {
      this.#socket?.close();
      return;
    }
    this.#socket?.watch(false, true);
    this.#linger = setTimeout(() => this.#socket?.close(), LINGER_MS);
  }

  /** Node's socket has sent and read nothing yet: its `connect` event comes before its first read. */
  #takeOver(socket: Socket): void {
    const handle = socketHandle(socket);
    if (handle === undefined) throw new Error('the connection cannot be taken over');
    const claim = new DescriptorClaim();
    const descriptor = this.#addon.duplicateDescriptor(handle.fd);
    try {
      this.#open(descriptor, claim);
    } catch (error) {
      if (claim.withdraw()) closeSync(descriptor);
      throw error;
    }
    this.#dialling = undefined;
    socket.destroy();
  }

  #open(descriptor: number, claim: DescriptorClaim): void {
    this.#socket = new this.#addon.StreamSocket({
      descriptor,
      claim: claim.owner,
      memory: this.#buffer,
      onRead: (bytes) => this.#read(bytes),
      onWritable: () => this.#flush(),
    });
    this.remoteAddress = plainAddress(this.#socket.remoteAddress);
    this.localAddress = plainAddress(this.#socket.localAddress);
  }

  #read(bytes: number): void {
    if (this.#first !== undefined) this.#beginWithFirst();
    if (this.#isClosed) return;
    if (bytes > 0) this.onBytes(this.#buffer, 0, bytes);
    else this.#end(bytes === 0 ? ENDED_BY_PEER : nameOf(bytes));
  }

  #beginWithFirst(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    if (!this.#isClosed) this.onBytes(first, 0, first.length);
  }

  #flush(): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const taken = this.#socket?.send(next, 0) ?? 0;
      if (taken < 0) {
        this.#unsent.length = 0; // nobody will ever read it
        if (!this.#isClosed) this.#end(nameOf(taken));
        break;
      }
      this.#unsentBytes -= taken;
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
    if (!this.#isClosed) {
      this.#socket?.watch(true, false);
      return;
    }
    clearTimeout(this.#linger);
    this.#socket?.close();
  }

  /** Not from within `write`: who writes does not expect to be told of its end. */
  #endSoon(reason: string): void {
    setImmediate(() => this.#end(reason));
  }

  #end(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#dialling = undefined;
    this.#socket?.close();
    this.onClose(reason);
  }
}

function nameOf(errno: number): string {
  return describeCode(getSystemErrorName(errno));
}
