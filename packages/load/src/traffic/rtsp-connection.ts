import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { InterleavedParser } from '@shardcast/sfu-worker/peer';
import {
  headerOf,
  headersOf,
  parseRtspUrl,
  RtspClientAuth,
  type RtspHeaders,
  type RtspResponse,
  type RtspUrl,
  writeRequest,
} from '@shardcast/shared';
import { RefusedError, reachability } from './signalling.ts';

const ANSWER_MS = 10_000;

/** A client's RTSP connection (RFC 2326): one request at a time, media in between. */
export class RtspConnection {
  readonly socket: Socket;
  readonly url: RtspUrl;
  readonly #auth: RtspClientAuth | undefined;
  readonly #parser: InterleavedParser;
  readonly #channels = new Map<number, (packet: Buffer) => void>();
  #waiting: { readonly resolve: (response: RtspResponse) => void; readonly fail: (what: string) => void } | undefined;
  #cseq = 0;

  /**
   * @param text `rtsp://` or `rtsps://`, with user information where the server asks for it
   * @throws RefusedError
   */
  static async open(text: string): Promise<RtspConnection> {
    const url = parseRtspUrl(text);
    if (url === undefined) throw new RefusedError('this is no RTSP address', 0);
    const { host, port, isSecure } = url;
    const socket = isSecure ? connectTls({ host, port, servername: host }) : connect(port, host);
    socket.setNoDelay(true);
    const timer = setTimeout(() => socket.destroy(new RefusedError(`${host}:${port} does not answer`, 0)), ANSWER_MS);
    try {
      await once(socket, isSecure ? 'secureConnect' : 'connect');
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      throw new RefusedError(`${host}:${port} ${reachability(error)}`, 0, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    return new RtspConnection(socket, url);
  }

  private constructor(socket: Socket, url: RtspUrl) {
    this.socket = socket;
    this.url = url;
    this.#auth = url.user === undefined ? undefined : new RtspClientAuth(url.user, url.password ?? '');
    this.#parser = new InterleavedParser({
      frame: (channel, buffer, start, end) => this.#channels.get(channel)?.(buffer.subarray(start, end)),
      message: (message) => {
        if (message.kind === 'response') this.#waiting?.resolve(message);
      },
      flush: () => {},
    });
    socket.on('data', (chunk) => {
      if (this.#parser.feed(chunk, 0, chunk.length) === undefined) return;
      this.#waiting?.fail('does not speak RTSP');
      socket.destroy();
    });
    // Who asks hears of it by `close`.
    socket.on('error', () => {});
    socket.once('close', () => this.#waiting?.fail('closed the connection'));
  }

  /** Hands on what comes in an interleaved channel; others are dropped. @param take must not keep the packet */
  use(channel: number, take: (packet: Buffer) => void): void {
    this.#parser.use(channel);
    this.#channels.set(channel, take);
  }

  /** @throws RefusedError for any answer but 200 */
  async ask(method: string, uri: string, headers: RtspHeaders, body?: string): Promise<RtspResponse> {
    const { host, port } = this.url;
    for (;;) {
      const authorization = this.#auth?.authorization(method, uri);
      const auth: RtspHeaders = authorization === undefined ? [] : [['authorization', authorization]];
      const all: RtspHeaders = [['cseq', String(++this.#cseq)], ...auth, ...headers];
      this.socket.write(
        writeRequest({ method, uri, headers: all, body: body === undefined ? undefined : Buffer.from(body) }),
      );
      const answer = await this.#answer();
      if (answer.status === 200) return answer;
      if (answer.status === 401 && this.#auth?.challenge(headersOf(answer, 'www-authenticate')) === true) continue;
      const hint = answer.status === 401 ? ': give a user and password in the URL' : '';
      throw new RefusedError(
        `${host}:${port} answered ${method} with ${answer.status} ${answer.reason}${hint}`,
        answer.status,
      );
    }
  }

  /** The value of a response's `Session` without its parameters. */
  static sessionOf(response: RtspResponse): string {
    return (headerOf(response, 'session') ?? '').split(';', 1)[0] ?? '';
  }

  async #answer(): Promise<RtspResponse> {
    const { host, port } = this.url;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const fail = (what: string) => reject(new RefusedError(`${host}:${port} ${what}`, 0));
        this.#waiting = { resolve, fail };
        timer = setTimeout(() => fail('did not answer in time'), ANSWER_MS);
        if (this.socket.destroyed) fail('closed the connection');
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }
}
