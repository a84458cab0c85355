import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP client that says whatever a test wants, and keeps what it hears. */
export class RawTcp {
  readonly #socket: Socket;
  #heard = '';
  isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#heard += text;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  /** @param url of any scheme; host and port count */
  static async open(url: string): Promise<RawTcp> {
    const { hostname, port } = new URL(url.replace(/^\w+:/, 'http:'));
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawTcp(socket);
  }

  get heard(): string {
    return this.#heard;
  }

  write(bytes: Buffer | string): void {
    if (!this.isClosed) this.#socket.write(bytes);
  }

  /** Sends an RTSP request. @returns the status of the answer */
  async ask(method: string, url: string, headers: readonly string[] = [], body = ''): Promise<number> {
    this.#heard = '';
    const length = body === '' ? [] : ['Content-Type: application/sdp', `Content-Length: ${body.length}`];
    this.write([`${method} ${url} RTSP/1.0`, 'CSeq: 7', ...headers, ...length, '', body].join('\r\n'));
    while (!this.#heard.includes('\r\n\r\n')) await once(this.#socket, 'data');
    return Number(/^RTSP\/1\.0 (\d{3})/.exec(this.#heard)?.[1]);
  }

  close(): void {
    this.#socket.destroy();
  }
}
