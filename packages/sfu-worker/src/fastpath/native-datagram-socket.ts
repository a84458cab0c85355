import { type FastPathDetail, WORKER } from '@shardcast/shared';
import type {
  DatagramReceiver,
  DatagramSocket,
  DatagramSocketContext,
  RemoteAddress,
} from '../session/datagram-socket.ts';
import { SOCKET_BUFFER_BYTES } from '../session/node-datagram-socket.ts';
import {
  type NativeAddon,
  type NativeUdpSocket,
  RECEIVE_BYTES,
  RECEIVE_DATAGRAMS,
  STATISTICS,
} from './native-addon.ts';

/** Lots that are received before the loop may turn to other work; what is left keeps the socket readable. */
const LOTS_A_TURN = 4;
/** Fields of a received datagram. */
const FIELDS = 4;

export type NativeSocketOptions = {
  readonly host: string;
  readonly port: number;
  /** Kept back at most while the kernel takes no more. */
  readonly queueBytes: number;
  /** Of the kernel, in and out. */
  readonly bufferBytes?: number;
  /** RECEIVE_BYTES for datagrams, which may serve more than one socket of a thread. */
  readonly memory?: Buffer;
  /** See `NativeUdpSocketOptions`. */
  readonly isOneOfMany?: boolean;
};

/** The addon's socket: many datagrams a system call, into memory that is used again. */
export class NativeDatagramSocket implements DatagramSocket {
  readonly port: number;
  readonly family: 4 | 6;
  /** For `FanOut`, which sends on it. */
  readonly native: NativeUdpSocket;
  readonly #context: DatagramSocketContext;
  readonly #memory: Buffer;
  readonly #received = new Int32Array(RECEIVE_DATAGRAMS * FIELDS);
  readonly #statistics = new Float64Array(STATISTICS.FIELDS);
  /** By peer number; 0 is a stranger. */
  readonly #peers: (RemoteAddress | undefined)[] = [undefined];
  readonly #numbers = new Map<RemoteAddress, number>();
  readonly #free: number[] = [];
  #sendErrors = 0;
  #offloadRefused = 0;
  #receiver: DatagramReceiver | undefined;
  #closed = false;

  /** @throws the bind's error, with its `code`. */
  constructor(addon: NativeAddon, options: NativeSocketOptions, context: DatagramSocketContext) {
    this.#context = context;
    this.#memory = options.memory ?? Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    this.native = new addon.UdpSocket({
      bufferBytes: SOCKET_BUFFER_BYTES,
      ...options,
      offload: true,
      memory: this.#memory,
    });
    this.port = this.native.port;
    this.family = this.native.family;
  }

  /** The addon copies what it cannot send at once, so given memory is never in use. */
  get queued(): number {
    return 0;
  }

  start(receiver: DatagramReceiver): void {
    this.#receiver = receiver;
    this.native.start(() => this.#receive());
  }

  send(bytes: Buffer, start: number, length: number, remote: RemoteAddress): void {
    if (this.#closed) return;
    if (!this.native.send(bytes, start, length, remote.address, remote.port)) {
      this.#context.telemetry.add(WORKER.droppedSendError);
    }
  }

  sendWhole(datagram: Buffer, remote: RemoteAddress): void {
    this.send(datagram, 0, datagram.length, remote);
  }

  know(remote: RemoteAddress): void {
    if (this.#closed || this.#numbers.has(remote)) return;
    const number = this.#free.pop() ?? this.#peers.length;
    if (!this.native.know(remote.address, remote.port, number)) {
      this.#free.push(number);
      return;
    }
    this.#peers[number] = remote;
    this.#numbers.set(remote, number);
  }

  forget(remote: RemoteAddress): void {
    const number = this.#numbers.get(remote);
    if (number === undefined) return;
    this.#numbers.delete(remote);
    this.#peers[number] = undefined;
    this.#free.push(number);
    if (!this.#closed) this.native.forget(remote.address, remote.port);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.native.close();
  }

  #receive(): void {
    for (let lot = 0; lot < LOTS_A_TURN && !this.#closed; lot++) {
      const count = this.native.receive(this.#received);
      if (count === 0) break;
      for (let i = 0; i < count && !this.#closed; i++) this.#deliver(i * FIELDS);
      this.#receiver?.onDrained();
    }
    this.#countErrors();
  }

  #deliver(at: number): void {
    const received = this.#received;
    const offset = received[at] as number;
    const bytes = received[at + 1] as number;
    const from = this.#peers[received[at + 2] as number] ?? this.native.source(received[at + 3] as number);
    if (from !== undefined) this.#receiver?.onDatagram(this.#memory, offset, offset + bytes, from);
  }

  /** What the kernel takes off it now: it may stop at any time. */
  get offload(): FastPathDetail['offload'] {
    this.native.statistics(this.#statistics);
    const segments = this.#statistics[STATISTICS.SEGMENTS] === 1;
    const coalesces = this.#statistics[STATISTICS.COALESCES] === 1;
    if (segments) return coalesces ? 'gso+gro' : 'gso';
    return coalesces ? 'gro' : 'none';
  }

  #countErrors(): void {
    const { log, telemetry } = this.#context;
    this.native.statistics(this.#statistics);
    const errors = this.#statistics[STATISTICS.SEND_ERRORS] as number;
    if (errors !== this.#sendErrors) telemetry.add(WORKER.droppedSendError, errors - this.#sendErrors);
    this.#sendErrors = errors;
    const refused = this.#statistics[STATISTICS.OFFLOAD_REFUSED] as number;
    if (refused === this.#offloadRefused) return;
    telemetry.add(WORKER.offloadRefused, refused - this.#offloadRefused);
    if (this.#offloadRefused === 0) {
      const segments = this.#statistics[STATISTICS.SEGMENTS] === 1;
      log.warn('the kernel refused segmentation offload; the same bytes went out one by one', { stillTried: segments });
    }
    this.#offloadRefused = refused;
  }
}
