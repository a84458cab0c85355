import type { IncomingMessage } from 'node:http';
import { assertNever, ShardcastError } from '@shardcast/shared';
import type { RawData, WebSocket } from 'ws';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import { peerAddress } from '../auth/peer-address.ts';
import { type GuardedConnection, guarded } from '../guard/guarded.ts';
import { RateLimit } from '../guard/rate-limit.ts';
import { retryAfterSeconds, toShardcastError } from '../http/problem.ts';
import { checkPathName } from '../http/request-path.ts';
import type { LineLog } from '../logging/limited-log.ts';
import type { Media, PathEvent, SessionKind } from '../paths/media.ts';
import { type ClientMessage, PROTOCOL_VERSION, parseClientMessage, type ServerMessage } from './protocol.ts';

const MESSAGES_PER_SECOND = 50;
/** A camera wall has some dozens. */
const MAX_SESSIONS = 256;
/** A client that reads this much less than it is sent is cut. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

const POLICY_VIOLATION = 1008;
const UNSUPPORTED_DATA = 1003;

export type ClientOptions = {
  readonly media: Media;
  readonly authorise: Authorise;
  readonly log: LineLog;
  /** What a bug in a handler ends. */
  readonly guard: GuardedConnection;
  readonly clock: () => number;
  readonly onRejected: (error: ShardcastError) => void;
};

/** One client of `/ws`. The sessions that it opens end with its socket. */
export class WebSocketClient {
  readonly #socket: WebSocket;
  readonly #request: IncomingMessage;
  readonly #options: ClientOptions;
  readonly #rate: RateLimit;
  readonly #sessions = new Map<string, { kind: SessionKind; path: string }>();
  /** Sessions being opened count as open. */
  #opening = 0;
  #isWatching = false;
  #isAlive = true;
  /** Events go out in order, however long the authoriser takes. */
  #events: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, request: IncomingMessage, options: ClientOptions) {
    this.#socket = socket;
    this.#request = request;
    this.#options = options;
    this.#rate = new RateLimit(MESSAGES_PER_SECOND, options.clock());
    const safely = <A extends readonly unknown[]>(handler: (...args: A) => void) => guarded(options.guard, handler);
    socket.on(
      'message',
      safely((data: RawData, isBinary: boolean) => this.#receive(data, isBinary)),
    );
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    socket.on(
      'close',
      safely(() => this.#closeSessions()),
    );
    // A protocol error; ws closes the socket with the right code, and `close` follows.
    socket.on('error', (err) => options.log.debug({ err }, 'websocket error'));
    this.#send({ type: 'hello', version: PROTOCOL_VERSION, server: 'shardcast' });
  }

  /** Ends a client that did not answer the previous ping, else pings it. Never throws. */
  checkAlive(): void {
    guarded(this.#options.guard, () => this.#checkAlive())();
  }

  #checkAlive(): void {
    if (!this.#isAlive) {
      this.#socket.terminate();
      return;
    }
    this.#isAlive = false;
    this.#socket.ping();
  }

  /** Never throws. */
  notify(event: PathEvent): void {
    if (!this.#isWatching) return;
    const told = this.#events.then(async () => {
      const decision = await this.#options.authorise(this.#listing(event.path));
      if (decision.allowed) this.#send(event);
    });
    this.#events = told.catch(
      guarded(this.#options.guard, (error: unknown) => {
        throw error;
      }),
    );
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!this.#rate.take(this.#options.clock())) {
      this.#socket.close(POLICY_VIOLATION, 'too many messages');
      return;
    }
    if (isBinary) {
      this.#socket.close(UNSUPPORTED_DATA, 'text only');
      return;
    }
    const message = parseClientMessage(data.toString());
    if (message.type === 'error') {
      this.#send(message);
      return;
    }
    guarded(this.#options.guard, () => this.#answer(message))();
  }

  async #answer(message: ClientMessage): Promise<void> {
    this.#send(await this.#handle(message).catch((failure: unknown) => this.#errorReply(message, failure)));
  }

  async #handle(message: ClientMessage): Promise<ServerMessage> {
    const { id } = message;
    switch (message.type) {
      case 'ping':
        return { type: 'pong', id };
      case 'list':
        return this.#list(id, message.watch ?? false);
      case 'subscribe':
        return this.#open(id, 'whep', message.path, message.offer);
      case 'publish':
        return this.#open(id, 'whip', message.path, message.offer);
      case 'close': {
        const { kind, path } = this.#owned(message.session);
        this.#sessions.delete(message.session);
        await this.#options.media.closeSession(kind, path, message.session);
        return { type: 'closed', id, session: message.session };
      }
      case 'restart-ice': {
        const { session } = message;
        const { kind, path } = this.#owned(session);
        const { ufrag, pwd } = await this.#options.media.restartIce(kind, path, session, {
          ufrag: message.ufrag,
          pwd: message.pwd,
        });
        return { type: 'ice', id, session, ufrag, pwd };
      }
      default:
        return assertNever(message);
    }
  }

  async #list(id: number, watch: boolean): Promise<ServerMessage> {
    // Before the list is taken: what comes online meanwhile is told twice rather than not at all.
    this.#isWatching ||= watch;
    const streams = [];
    for (const { name, online, tracks, readers } of this.#options.media.paths()) {
      if (!online || !(await this.#options.authorise(this.#listing(name))).allowed) continue;
      streams.push({ path: name, tracks: [...tracks], readers });
    }
    return { type: 'streams', id, streams };
  }

  async #open(id: number, kind: SessionKind, path: string, offer: string): Promise<ServerMessage> {
    const { media, authorise } = this.#options;
    checkPathName(path);
    const { lifetimeMs } = await demand(authorise, this.#access(kind === 'whip' ? 'publish' : 'read', path));
    if (this.#sessions.size + this.#opening >= MAX_SESSIONS)
      throw new ShardcastError('TOO_MANY_SESSIONS', `a socket has at most ${MAX_SESSIONS} sessions`);
    this.#opening++;
    try {
      const caller = { remoteAddr: peerAddress(this.#request), lifetimeMs };
      const { session, answer } = await (kind === 'whip'
        ? media.publish(path, offer, caller)
        : media.subscribe(path, offer, caller));
      this.#sessions.set(session, { kind, path });
      // The client may have left meanwhile.
      if (this.#socket.readyState !== this.#socket.OPEN) this.#closeSessions();
      return { type: 'answer', id, session, answer };
    } finally {
      this.#opening--;
    }
  }

  #owned(session: string): { kind: SessionKind; path: string } {
    const owned = this.#sessions.get(session);
    if (owned === undefined) throw new ShardcastError('SESSION_NOT_FOUND', 'this socket has no such session');
    return owned;
  }

  #errorReply({ id, type }: ClientMessage, failure: unknown): ServerMessage {
    const error = toShardcastError(failure);
    if (error.code === 'INTERNAL') this.#options.log.error({ type, err: failure }, 'websocket request failed');
    this.#options.onRejected(error);
    const retryAfter = retryAfterSeconds(error.code);
    const message = error.code === 'INTERNAL' ? 'internal error' : error.message;
    return { type: 'error', id, code: error.code, message, ...(retryAfter === undefined ? {} : { retryAfter }) };
  }

  #closeSessions(): void {
    for (const [session, { kind, path }] of this.#sessions) {
      this.#options.media.closeSession(kind, path, session).catch((error: unknown) => {
        // It may have ended by itself.
        const { code } = toShardcastError(error);
        if (code !== 'SESSION_NOT_FOUND') this.#options.log.debug({ code }, 'session not closed with its socket');
      });
    }
    this.#sessions.clear();
  }

  #access(action: 'publish' | 'read', path: string) {
    return accessRequest(this.#request, action, path, 'websocket');
  }

  #listing(path: string) {
    return { ...this.#access('read', path), isListing: true };
  }

  #send(message: ServerMessage | PathEvent): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) this.#socket.terminate();
    else this.#socket.send(JSON.stringify(message));
  }
}
