import type { Socket } from 'node:net';
import {
  headerOf,
  plainAddress,
  RTSP_REASONS,
  RTSP_STATUS,
  RTSP_VERSION,
  type RtspHeaders,
  RtspMessageReader,
  type RtspRequest,
  RtspServerAuth,
  requestPath,
  ShardcastError,
  sequenceOf,
  writeRequest,
  writeResponse,
} from '@shardcast/shared';
import { pathNameFault } from '@shardcast/shared/config';
import type { AccessRequest } from '../auth/access-request.ts';
import type { Authorise, Decision } from '../auth/authorise.ts';
import { rtspCredentials } from '../auth/credentials.ts';
import { type GuardedConnection, guarded } from '../guard/guarded.ts';
import type { LineLog } from '../logging/limited-log.ts';
import type { Caller, Media } from '../paths/media.ts';
import { type DuplicateDescriptor, SocketHandover } from './handover.ts';
import { endSoon, RtspRelay } from './relay.ts';

const PUBLIC = 'OPTIONS, ANNOUNCE, SETUP, RECORD, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN';
const FOR_READERS = new Set(['DESCRIBE', 'PLAY', 'SETUP', 'PAUSE', 'RECORD', 'TEARDOWN']);
/** Requests before the ANNOUNCE: OPTIONS and a few tries with a password. */
const MAX_REQUESTS = 16;
/** Guesses of a password on one connection. */
const MAX_REFUSALS = 3;

export type PublisherDoorOptions = {
  readonly socket: Socket;
  /** The decision's UNAUTHENTICATED asks for credentials, others do not. */
  readonly authorise: Authorise;
  /** Asks for a digest too, for an authority that can verify one. */
  readonly takesDigest: boolean;
  readonly media: Pick<Media, 'adoptRtsp'>;
  readonly log: LineLog;
  readonly headerTimeoutMs: number;
  /** Undefined where sockets cannot be handed over: then their bytes are relayed. */
  readonly duplicate: DuplicateDescriptor | undefined;
  /** The connection is no longer waiting: it was handed over, or it ended. Called once. */
  readonly onSettled: () => void;
  /** This thread is done with it. */
  readonly onClosed: () => void;
};

type Answer = { readonly status: number; readonly reason?: string; readonly headers?: RtspHeaders };

/**
 * One RTSP connection from its first byte to its ANNOUNCE; then the worker that owns the path has it: its socket, or where
 * that cannot be, its bytes.
 */
export class PublisherDoor {
  readonly #options: PublisherDoorOptions;
  readonly #socket: Socket;
  readonly #ip: string;
  readonly #remote: string;
  readonly #reader = new RtspMessageReader();
  readonly #auth: RtspServerAuth;
  readonly #timer: NodeJS.Timeout;
  readonly #guard: GuardedConnection;
  readonly #onData: (bytes: Buffer) => void;
  #relay: RtspRelay | undefined;
  #requests = 0;
  #refusals = 0;
  #isSettled = false;
  #isClosed = false;

  constructor(options: PublisherDoorOptions) {
    const { socket } = options;
    this.#options = options;
    this.#socket = socket;
    this.#auth = new RtspServerAuth(options.takesDigest ? {} : { algorithms: [] });
    this.#ip = plainAddress(socket.remoteAddress);
    this.#remote = `${this.#ip.includes(':') ? `[${this.#ip}]` : this.#ip}:${socket.remotePort ?? 0}`;
    this.#guard = { log: options.log, door: 'rtsp', destroy: () => socket.destroy() };
    this.#onData = guarded(this.#guard, (bytes: Buffer) => this.#read(bytes));
    const tooLate = guarded(this.#guard, () => this.#refuse({ status: 408 }));
    this.#timer = setTimeout(tooLate, options.headerTimeoutMs);
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // the close that follows is what counts
    socket.on(
      'close',
      guarded(this.#guard, () => this.#end()),
    );
    socket.on('data', this.#onData);
  }

  /** Ends the connection, relayed or not; one whose socket a worker has is that worker's to end. Idempotent. */
  close(reason: string): void {
    this.#relay?.close(reason);
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.#isSettled) {
      at = this.#reader.read(bytes, at, bytes.length);
      if (this.#reader.fault !== undefined) {
        this.#refuse({ status: 400, reason: this.#reader.fault });
        return;
      }
      const message = this.#reader.take();
      if (message === undefined) return;
      if (message.kind === 'response' || ++this.#requests > MAX_REQUESTS) {
        this.#refuse({ status: 400 });
        return;
      }
      if (message.method === 'ANNOUNCE') {
        this.#socket.pause();
        const rest = bytes.subarray(at);
        this.#announce(message, rest).catch(
          guarded(this.#guard, (error: unknown) => {
            const known = error instanceof ShardcastError;
            // An error that we did not foresee is not for the peer to read.
            this.#refuse(known ? { status: RTSP_STATUS[error.code], reason: error.message } : { status: 500 }, message);
            if (!known) this.#options.log.info({ err: error }, 'rtsp publisher failed');
          }),
        );
        return;
      }
      this.#send(message, this.#answer(message));
    }
  }

  #answer(request: RtspRequest): Answer {
    const fault = requestFault(request);
    if (fault !== undefined) return fault;
    if (request.method === 'OPTIONS') return { status: 200, headers: [['public', PUBLIC]] };
    if (request.method === 'GET_PARAMETER') return { status: 200 };
    if (FOR_READERS.has(request.method)) {
      return { status: 501, reason: 'Reading by RTSP is not supported yet: use WHEP' };
    }
    return { status: 501 };
  }

  async #announce(request: RtspRequest, rest: Buffer): Promise<void> {
    const fault = requestFault(request);
    if (fault !== undefined) return this.#refuse(fault, request);
    const { path, query } = requestPath(request.uri);
    const pathFault = pathNameFault(path);
    if (pathFault !== undefined) throw new ShardcastError('PATH_INVALID', pathFault);
    const decision = await this.#decide(request, path, query);
    if (this.#isSettled) return;
    if (decision === 'asked') {
      this.#socket.resume();
      this.#read(rest);
      return;
    }
    if (!decision.allowed) throw new ShardcastError(decision.code, decision.reason);
    // The worker needs no credentials, so it is not told any.
    const headers = request.headers.filter(([name]) => name !== 'authorization');
    const first = [writeRequest({ ...request, headers }), rest].filter((bytes) => bytes.length > 0);
    this.#socket.off('data', this.#onData);
    const { duplicate } = this.#options;
    const handover = duplicate === undefined ? undefined : SocketHandover.begin(this.#socket, duplicate, first);
    const caller = { remoteAddr: this.#remote, lifetimeMs: decision.lifetimeMs };
    await (handover === undefined ? this.#relayTo(path, caller, first) : this.#handOver(path, caller, handover));
    const by = handover === undefined ? 'relay' : 'descriptor';
    this.#options.log.debug({ path, remote: this.#remote, by }, 'rtsp publisher handed over');
  }

  async #handOver(path: string, caller: Caller, handover: SocketHandover): Promise<void> {
    try {
      await this.#options.media.adoptRtsp(path, caller, handover.carrier);
    } finally {
      handover.withdraw();
    }
    this.#settle();
    this.#socket.destroy(); // the connection is the worker's
  }

  async #relayTo(path: string, caller: Caller, first: readonly Buffer[]): Promise<void> {
    const relay = new RtspRelay(this.#socket, this.#guard);
    this.#relay = relay;
    try {
      await this.#options.media.adoptRtsp(path, caller, { type: 'relay', port: relay.workerPort });
    } catch (error) {
      this.#relay = undefined;
      relay.abandon();
      throw error;
    }
    if (this.#isSettled) {
      relay.close('the connection ended meanwhile');
      return;
    }
    this.#settle();
    relay.start(first);
  }

  /** `asked`: the client was sent a challenge and may try again. */
  async #decide(request: RtspRequest, path: string, query: string): Promise<Decision | 'asked'> {
    const outcome = this.#auth.read(headerOf(request, 'authorization'), request.method, request.uri);
    const given = typeof outcome === 'object' ? outcome : undefined;
    const asked: AccessRequest = {
      action: 'publish',
      path,
      protocol: 'rtsp',
      ip: this.#ip,
      query,
      credentials: rtspCredentials(given, query),
      userAgent: headerOf(request, 'user-agent') ?? '',
    };
    const decision = await this.#options.authorise(asked);
    if (decision.allowed || decision.code !== 'UNAUTHENTICATED') return decision;
    if (asked.credentials !== undefined || outcome === 'malformed') this.#refusals++;
    const challenges = this.#auth.challenges(outcome === 'stale').map((value) => ['www-authenticate', value] as const);
    const answer: Answer = { status: 401, headers: challenges };
    if (this.#refusals < MAX_REFUSALS) this.#send(request, answer);
    else this.#refuse(answer, request);
    return 'asked';
  }

  #send(request: RtspRequest | undefined, { status, reason, headers = [] }: Answer): void {
    if (this.#isClosed) return;
    const sequence = request === undefined ? undefined : headerOf(request, 'cseq');
    const all = [...(sequence === undefined ? [] : [['cseq', sequence] as const]), ...headers];
    this.#socket.write(writeResponse({ status, reason: reason ?? RTSP_REASONS[status] ?? 'Error', headers: all }));
  }

  #refuse(answer: Answer, request?: RtspRequest): void {
    if (this.#isSettled) return;
    const { status, reason = RTSP_REASONS[status] } = answer;
    this.#options.log.info({ remote: this.#remote, status, reason }, 'rtsp publisher refused');
    this.#send(request, answer);
    this.#settle();
    endSoon(this.#socket);
  }

  #settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#options.onSettled();
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#settle();
    this.#options.onClosed();
  }
}

function requestFault(request: RtspRequest): Answer | undefined {
  if (request.version !== RTSP_VERSION) return { status: 505 };
  return sequenceOf(request) === undefined ? { status: 400, reason: 'CSeq is missing' } : undefined;
}
