import {
  headerOf,
  headersOf,
  RTSP_VERSION,
  type RtspClientAuth,
  type RtspHeaders,
  type RtspMessage,
  type RtspResponse,
  sequenceOf,
  writeRequest,
  writeResponse,
} from '@shardcast/shared';
import type { ByteConnection } from './byte-connection.ts';
import { InterleavedParser } from './interleaved.ts';
import type { MediaTracks } from './media-tracks.ts';

const USER_AGENT = 'shardcast';
/** Answers to 401 per request: one for the challenge, one for a nonce that ran out meanwhile. */
const MAX_AUTH_TRIES = 2;
/** What a camera may ask of us; all of it is only to see whether we are there. */
const PINGS = new Set(['OPTIONS', 'GET_PARAMETER', 'SET_PARAMETER']);

/** Why a camera cannot be played, in words for an operator that hold no secret and no address. */
export class RtspFailure extends Error {
  /** The response's, when that is what failed. */
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.name = 'RtspFailure';
    this.status = status;
  }
}

type Question = { readonly method: string; readonly uri: string; readonly headers: RtspHeaders };
type Pending = {
  readonly question: Question;
  /** Runs within the read that brings a 200, before anything that follows it in the same read. */
  readonly onAccepted: ((response: RtspResponse) => void) | undefined;
  readonly resolve: (response: RtspResponse) => void;
  readonly reject: (error: RtspFailure) => void;
  triesLeft: number;
};

export type RtspClientOptions = {
  readonly connection: ByteConnection;
  readonly media: MediaTracks;
  /** Undefined when the URL holds no user: a 401 is then final. Kept across connections by the caller. */
  readonly auth: RtspClientAuth | undefined;
  /** The connection ended, or must end; every pending request is rejected with the same reason. Called at most once. */
  readonly onEnd: (reason: string) => void;
  /** What is done with the camera's bytes threw. */
  readonly onFault: (error: unknown) => void;
};

/** Requests and responses on one connection to a camera, with authentication, and the frames between them. */
export class RtspClient {
  readonly parser: InterleavedParser;
  readonly #options: RtspClientOptions;
  readonly #pending = new Map<number, Pending>();
  #sequence = 0;
  #session: string | undefined;
  #isEnded = false;

  constructor(options: RtspClientOptions) {
    const { connection, media, onFault } = options;
    this.#options = options;
    this.parser = new InterleavedParser({
      frame: (channel, buffer, start, end) => media.frame(channel, buffer, start, end),
      message: (message) => this.#receive(message),
      flush: () => media.flush(),
    });
    connection.onBytes = (buffer, start, end) => {
      try {
        const fault = this.parser.feed(buffer, start, end);
        if (fault !== undefined) this.#end(`the camera does not speak RTSP: ${fault}`);
      } catch (error) {
        onFault(error);
      }
    };
    connection.onClose = (reason) => {
      try {
        this.#end(reason);
      } catch (error) {
        onFault(error);
      }
    };
  }

  /** Goes with every request from then on. */
  set session(id: string) {
    this.#session = id;
  }

  /**
   * Resolves with a response of status 200.
   * @throws RtspFailure for any other, and when the connection ends
   */
  request(
    method: string,
    uri: string,
    headers: RtspHeaders = [],
    onAccepted?: (response: RtspResponse) => void,
  ): Promise<RtspResponse> {
    return new Promise((resolve, reject) => {
      if (this.#isEnded) reject(new RtspFailure('the connection has ended'));
      else this.#send({ question: { method, uri, headers }, onAccepted, resolve, reject, triesLeft: MAX_AUTH_TRIES });
    });
  }

  /** Sends without waiting: for the last request of a connection. */
  say(method: string, uri: string): void {
    if (!this.#isEnded) this.#write({ method, uri, headers: [] });
  }

  /** Rejects what is pending; the connection is closed. Idempotent. */
  close(): void {
    this.#stop('closed');
    this.#options.connection.close();
  }

  #send(pending: Pending): void {
    this.#pending.set(this.#write(pending.question), pending);
  }

  #write({ method, uri, headers }: Question): number {
    const sequence = ++this.#sequence;
    const all: [string, string][] = [['cseq', String(sequence)]];
    const authorization = this.#options.auth?.authorization(method, uri);
    if (authorization !== undefined) all.push(['authorization', authorization]);
    all.push(['user-agent', USER_AGENT]);
    if (this.#session !== undefined) all.push(['session', this.#session]);
    for (const [name, value] of headers) all.push([name, value]);
    this.#options.connection.write(writeRequest({ method, uri, headers: all }));
    return sequence;
  }

  #receive(message: RtspMessage): void {
    if (message.kind === 'request') {
      const cseq = headerOf(message, 'cseq') ?? '0';
      const [status, reason] = PINGS.has(message.method) ? [200, 'OK'] : [501, 'Not Implemented'];
      this.#options.connection.write(writeResponse({ status, reason, headers: [['cseq', cseq]] }));
      if (message.method === 'TEARDOWN') this.#end('the camera ended the stream');
      return;
    }
    // Some cameras leave CSeq out of their refusals; with one request under way there is no doubt.
    const sequence = sequenceOf(message) ?? (this.#pending.size === 1 ? [...this.#pending.keys()][0] : undefined);
    const pending = sequence === undefined ? undefined : this.#pending.get(sequence);
    if (pending === undefined || sequence === undefined || message.status < 200) return;
    this.#pending.delete(sequence);
    this.#answer(pending, message);
  }

  #answer(pending: Pending, response: RtspResponse): void {
    const { status } = response;
    const { method } = pending.question;
    if (response.version !== RTSP_VERSION) {
      pending.reject(new RtspFailure(`the camera speaks ${response.version}`));
    } else if (status === 200) {
      pending.onAccepted?.(response);
      pending.resolve(response);
    } else if (status === 401 && this.#mayTryAgain(pending, response)) {
      this.#send(pending);
    } else {
      pending.reject(new RtspFailure(this.#explain(method, response), status));
    }
  }

  #mayTryAgain(pending: Pending, response: RtspResponse): boolean {
    const { auth } = this.#options;
    return auth !== undefined && pending.triesLeft-- > 0 && auth.challenge(headersOf(response, 'www-authenticate'));
  }

  #explain(method: string, { status, reason }: RtspResponse): string {
    if (status === 401) {
      return this.#options.auth === undefined
        ? 'the camera asks for a user and a password'
        : 'user or password is wrong';
    }
    if (status >= 300 && status < 400) return 'the camera redirects elsewhere, which is not followed';
    return `${method} refused: ${status} ${reason.slice(0, 100)}`.trim();
  }

  #end(reason: string): void {
    if (this.#isEnded) return;
    this.#stop(reason);
    this.#options.connection.close();
    this.#options.onEnd(reason);
  }

  #stop(reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.parser.stop();
    for (const { reject } of this.#pending.values()) reject(new RtspFailure(reason));
    this.#pending.clear();
  }
}
