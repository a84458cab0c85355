import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { NativeAddon } from '../../fastpath/native-addon.ts';
import { RECEIVE_BYTES } from '../../fastpath/native-addon.ts';
import { NativeDatagramSocket } from '../../fastpath/native-datagram-socket.ts';
import type { DatagramReceiver, DatagramSocketContext, RemoteAddress } from '../../session/datagram-socket.ts';

/** What the kernel may hold for us: a keyframe of a 4K camera arrives as one burst. Linux caps it at `rmem_max`. */
const RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024;
/** Reports that wait for the kernel: a few a minute are written. */
const QUEUE_BYTES = 16 * 1024;

/** One of the two sockets of a `UdpPair`. */
export interface PairSocket {
  readonly port: number;
  /** Call once. `onDrained` comes in the same turn of the loop as the datagrams before it. */
  start(receiver: DatagramReceiver): void;
  /** Never throws; an error means no more than a lost packet. The bytes are borrowed for the call. */
  sendWhole(datagram: Buffer, remote: RemoteAddress): void;
  /** An address that datagrams will come from: the same object comes with them, where the socket can. */
  know(remote: RemoteAddress): void;
  /** Idempotent. */
  close(): void;
}

/** Binds an IP literal; undefined when that cannot be. */
export type OpenPairSocket = (host: string, port: number) => Promise<PairSocket | undefined>;

/** Sockets that take an event a datagram. */
export const openNodePairSocket: OpenPairSocket = (address, port) =>
  new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    let isBound = false;
    socket.on('error', () => {
      // Once bound: such as ICMP's port unreachable. Whether media comes is the watchdog's matter.
      if (isBound) return;
      socket.close();
      resolve(undefined);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      isBound = true;
      try {
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
      } catch {
        // A system with a lower limit keeps its own size.
      }
      resolve(new NodePairSocket(socket));
    });
  });

class NodePairSocket implements PairSocket {
  readonly port: number;
  readonly #socket: Socket;
  #draining: NodeJS.Immediate | undefined;
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
  }

  start(receiver: DatagramReceiver): void {
    const drained = () => {
      this.#draining = undefined;
      receiver.onDrained();
    };
    this.#socket.on('message', (packet: Buffer, from: RemoteInfo) => {
      // Datagrams that wait in the socket are read in one turn of the loop, and the immediate runs after them.
      this.#draining ??= setImmediate(drained);
      receiver.onDatagram(packet, 0, packet.length, from);
    });
  }

  sendWhole(datagram: Buffer, { address, port }: RemoteAddress): void {
    if (!this.#isClosed) this.#socket.send(Buffer.from(datagram), port, address, () => undefined);
  }

  know(): void {}

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#draining !== undefined) clearImmediate(this.#draining);
    this.#socket.close();
  }
}

/**
 * Sockets of the addon, which take many datagrams a system call. All of the thread receive into the same memory: what came is
 * done with when `onDrained` returns, and then the next one receives.
 */
export function nativePairSockets(addon: NativeAddon, context: DatagramSocketContext): OpenPairSocket {
  let memory: Buffer | undefined;
  return async (host, port) => {
    memory ??= Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    try {
      const sizes = { queueBytes: QUEUE_BYTES, bufferBytes: RECEIVE_BUFFER_BYTES, memory };
      return new NativeDatagramSocket(addon, { host, port, isOneOfMany: true, ...sizes }, context);
    } catch {
      return undefined; // taken, or an address that is not ours
    }
  };
}
