import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A socket on loopback that notes what it gets; `next` waits for the next datagram, not for a time. */
export class UdpPeer {
  readonly received: Buffer[] = [];
  readonly #socket: Socket;
  #waiting: ((datagram: Buffer) => void)[] = [];
  #unread: Buffer[] = [];

  static async open(address = '127.0.0.1'): Promise<UdpPeer> {
    const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', ipv6Only: address.includes(':') });
    socket.bind(0, address);
    await once(socket, 'listening');
    return new UdpPeer(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (datagram) => {
      this.received.push(datagram);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#unread.push(datagram);
      else waiting(datagram);
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(datagram: Buffer, port: number, address = '127.0.0.1'): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(datagram, port, address, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  next(): Promise<Buffer> {
    const unread = this.#unread.shift();
    return unread === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(unread);
  }

  close(): void {
    this.#socket.close();
  }
}
