import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

const RTP_HEADER_BYTES = 12;
/** A backlog comes faster than a test reads. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * A network that loses video frames, between one viewer and the media port of a worker. Either side sees the relay as the
 * other, which ICE-lite and a controlling browser both put up with.
 */
export class LossyRelay {
  /** RTP packets that the server sent, and those of them that were lost. */
  sent = 0;
  lost = 0;
  /** Sequence numbers that were left out, and packets that came out of order, on the way here. */
  missing = 0;
  disordered = 0;
  readonly #near: Socket;
  readonly #far: Socket;
  #browserPort = 0;
  #browserAddress = '';
  #sequence = -1;
  #timestamp = -1;
  #losing: number | undefined;
  #isLossDue = false;

  static async open(serverPort: number): Promise<LossyRelay> {
    const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
    for (const socket of sockets) {
      socket.bind(0);
      await once(socket, 'listening');
      socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
      socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
    }
    return new LossyRelay(...sockets, serverPort);
  }

  private constructor(near: Socket, far: Socket, serverPort: number) {
    this.#near = near;
    this.#far = far;
    near.on('message', (datagram, { address, port }) => {
      this.#browserAddress = address;
      this.#browserPort = port;
      far.send(datagram, serverPort, '127.0.0.1');
    });
    far.on('message', (datagram) => {
      if (!this.#isLost(datagram)) near.send(datagram, this.#browserPort, this.#browserAddress);
    });
  }

  /** Where a viewer finds it. */
  get port(): number {
    return this.#near.address().port;
  }

  /** The page's WHEP answers from here on name the relay instead of the server. */
  async between(page: Page, serverPort: number): Promise<void> {
    const { port } = this;
    await page.route('**/whep', async (route) => {
      const response = await route.fetch();
      const answer = (await response.text()).replaceAll(` ${serverPort} typ host`, ` ${port} typ host`);
      await route.fulfill({ response, body: answer });
    });
  }

  /** The next whole frame is lost. */
  loseFrame(): void {
    this.#isLossDue = true;
  }

  /** Datagrams for which the system had no buffer here: they were sent, and are among `missing`. */
  overflowed(): number {
    const port = this.#far.address().port.toString(16).toUpperCase().padStart(4, '0');
    const line = readFileSync('/proc/net/udp', 'utf8')
      .split('\n')
      .find((each) => each.includes(`:${port} 00000000:0000`));
    return Number(line?.trim().split(/\s+/).at(-1) ?? Number.NaN);
  }

  close(): void {
    this.#near.close();
    this.#far.close();
  }

  #isLost(datagram: Buffer): boolean {
    const first = datagram[0] ?? 0;
    const second = datagram[1] ?? 0;
    // RFC 7983 §7, RFC 5761 §4: neither STUN, DTLS nor RTCP.
    if (datagram.length < RTP_HEADER_BYTES || first < 128 || first > 191 || (second >= 192 && second <= 223))
      return false;
    const sequence = datagram.readUInt16BE(2);
    const timestamp = datagram.readUInt32BE(4);
    const ahead = this.#sequence < 0 ? 0 : (sequence - this.#sequence - 1) & 0xffff;
    if (ahead < 0x8000) this.missing += ahead;
    else this.disordered++;
    this.#sequence = sequence;
    if (this.#isLossDue && timestamp !== this.#timestamp) {
      this.#isLossDue = false;
      this.#losing = timestamp;
    }
    this.#timestamp = timestamp;
    this.sent++;
    if (timestamp !== this.#losing) return false;
    this.lost++;
    return true;
  }
}
