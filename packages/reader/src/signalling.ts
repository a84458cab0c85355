import { restartedAnswer, restartFragment } from './sdp.ts';

/** How long a server may take over an answer; on-demand sources need a while. */
const REQUEST_TIMEOUT_MS = 20_000;
const MAX_RETRY_AFTER_MS = 60_000;

export type SignallingOptions = {
  /** WHIP or WHEP endpoint. */
  readonly url: URL;
  /** Bearer token. */
  readonly token: string | undefined;
  readonly fetch: typeof fetch;
};

/** The server said no. */
export class RefusedError extends Error {
  readonly status: number;
  /** 0 when the server did not say. */
  readonly retryAfterMs: number;
  constructor(message: string, status: number, retryAfterMs: number) {
    super(message);
    this.name = 'RefusedError';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One WHIP (RFC 9725) or WHEP session on the server. */
export class Session {
  readonly #options: SignallingOptions;
  readonly #url: URL;
  #answer: string;
  #isClosed = false;

  private constructor(options: SignallingOptions, url: URL, answer: string) {
    this.#options = options;
    this.#url = url;
    this.#answer = answer;
  }

  get answer(): string {
    return this.#answer;
  }

  /** @throws RefusedError, or what `fetch` throws */
  static async open(options: SignallingOptions, offer: string, signal: AbortSignal): Promise<Session> {
    const response = await request(options, options.url, 'POST', 'application/sdp', offer, signal);
    if (response.status !== 201) throw await refusal(response);
    const location = response.headers.get('Location');
    if (location === null) throw new RefusedError('the server gave no session address', response.status, 0);
    const url = new URL(location, response.url === '' ? options.url : response.url);
    return new Session(options, url, await response.text());
  }

  /** Asks for an ICE restart with a new offer's credentials. @returns the answer to apply. @throws RefusedError */
  async restart(offer: string, signal: AbortSignal): Promise<string> {
    const fragment = restartFragment(offer);
    const response = await request(
      this.#options,
      this.#url,
      'PATCH',
      'application/trickle-ice-sdpfrag',
      fragment,
      signal,
      // RFC 9725 §4.3.2: the new ICE session replaces whichever there is.
      { 'If-Match': '*' },
    );
    if (response.status !== 200) throw await refusal(response);
    this.#answer = restartedAnswer(this.#answer, await response.text());
    return this.#answer;
  }

  /** True when the server is there and does not know the session any more. */
  async isGone(signal: AbortSignal): Promise<boolean> {
    try {
      const response = await request(this.#options, this.#url, 'GET', undefined, undefined, signal);
      this.#isClosed ||= response.status === 404 || response.status === 410;
      return this.#isClosed;
    } catch {
      return false; // no way to the server says nothing about the session
    }
  }

  /** Tells the server, also while the page is being left. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const headers = authorisation(this.#options.token);
    this.#options.fetch(this.#url, { method: 'DELETE', headers, keepalive: true }).catch(() => {
      // The server ends it by itself when the checks stop.
    });
  }
}

function authorisation(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

function request(
  options: SignallingOptions,
  url: URL,
  method: string,
  contentType: string | undefined,
  body: string | undefined,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return options.fetch(url, {
    method,
    headers: {
      ...authorisation(options.token),
      ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
  });
}

async function refusal(response: Response): Promise<RefusedError> {
  const seconds = Number(response.headers.get('Retry-After') ?? 0);
  const retryAfterMs = Number.isFinite(seconds) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, seconds * 1_000)) : 0;
  return new RefusedError(await detailOf(response), response.status, retryAfterMs);
}

/** The `detail` of problem details (RFC 9457), or the status in words. */
async function detailOf(response: Response): Promise<string> {
  try {
    const problem: unknown = await response.json();
    if (typeof problem === 'object' && problem !== null && 'detail' in problem && typeof problem.detail === 'string')
      return problem.detail;
  } catch {
    // not JSON
  }
  return `the server answered ${response.status}`;
}
