import {
  headerOf,
  type RtspHeaders,
  type RtspRequest,
  RtspServerAuth,
  type RtspServerAuthOptions,
  writeResponse,
} from '@shardcast/shared';
import { FakeConnection } from './fake-connection.ts';

const SDP = [
  ...['v=0', 'a=control:*', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=control:trackID=1'],
  ...['m=application 0 RTP/AVP 107', 'a=rtpmap:107 vnd.onvif.metadata/90000', 'a=control:trackID=2'],
  ...['m=audio 0 RTP/AVP 0', 'a=control:trackID=3', ''],
].join('\r\n');

export type Answer = { status: number; headers?: RtspHeaders; body?: string; more?: Buffer };
/** How a camera differs from the usual one. */
export type Script = {
  auth?: RtspServerAuthOptions | undefined;
  password?: string;
  /** Instead of the usual answer; undefined is the usual, 'silence' none. */
  on?: (request: RtspRequest) => Answer | 'silence' | undefined;
};

/** A camera behind a connection that is not there. */
export class FakeCamera extends FakeConnection {
  readonly requests: RtspRequest[] = [];
  readonly #script: Script;
  readonly #auth: RtspServerAuth | undefined;
  constructor(script: Script) {
    super();
    this.#script = script;
    this.#auth = script.auth === undefined ? undefined : new RtspServerAuth(script.auth);
    this.onMessage = (message) => {
      if (message.kind === 'request') queueMicrotask(() => this.#serve(message));
    };
  }
  /** Methods so far, in order. */
  get methods(): string {
    return this.requests.map(({ method }) => method).join(' ');
  }
  #serve(request: RtspRequest): void {
    this.requests.push(request);
    const answer = this.#authenticate(request) ?? this.#script.on?.(request) ?? usual(request);
    if (answer === 'silence') return;
    const cseq: RtspHeaders = [['cseq', headerOf(request, 'cseq') ?? '']];
    const { status, headers = [], body = '', more = Buffer.alloc(0) } = answer;
    this.arrive(
      writeResponse({ status, reason: 'Whatever', headers: [...cseq, ...headers], body: Buffer.from(body) }),
      more,
    );
  }
  #authenticate(request: RtspRequest): Answer | undefined {
    if (this.#auth === undefined) return undefined;
    const outcome = this.#auth.read(headerOf(request, 'authorization'), request.method, request.uri);
    if (typeof outcome === 'object' && outcome.verify(this.#script.password ?? '')) return undefined;
    const challenges = this.#auth.challenges(outcome === 'stale');
    return { status: 401, headers: challenges.map((value) => ['www-authenticate', value] as const) };
  }
}

/** What a camera answers that has nothing against us. */
export function usual({ method, headers }: RtspRequest): Answer {
  switch (method) {
    case 'OPTIONS':
      return { status: 200, headers: [['public', 'OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN']] };
    case 'DESCRIBE':
      return { status: 200, headers: [['content-base', 'rtsp://10.0.0.9/cam/']], body: SDP };
    case 'SETUP':
      return {
        status: 200,
        headers: [
          ['session', '12345;timeout=30'],
          ['transport', headerOf({ headers }, 'transport') ?? ''],
        ],
      };
    default:
      return { status: 200 };
  }
}
