/** The other side's description, and how to end the session. */
export type Introduction = { readonly remote: string; readonly hangUp: () => Promise<void> };

/** How a request gets in: the whole `Authorization` header. */
export type Credentials = { readonly authorization?: string | undefined; readonly signal?: AbortSignal };

/** The server did not give an answer that can be used. The message is one line and names the URL without its secrets. */
export class RefusedError extends Error {
  /** Of HTTP or RTSP; 0 when there was no answer. */
  readonly status: number;
  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RefusedError';
    this.status = status;
  }
}

/** A DELETE that is not answered must not hold up who leaves. */
const HANG_UP_MS = 5000;
const MAX_REASON_LENGTH = 200;

/**
 * WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): an offer for an answer.
 * @param url may have user information, which is sent as Basic credentials unless others are given
 * @throws RefusedError
 */
export async function exchange(url: string, offer: string, credentials: Credentials = {}): Promise<Introduction> {
  const target = new URL(url);
  const authorization = credentials.authorization ?? basicOf(target);
  target.username = '';
  target.password = '';
  const headers = authorization === undefined ? {} : { authorization };
  const response = await request(target, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', ...headers },
    body: offer,
    ...(credentials.signal === undefined ? {} : { signal: credentials.signal }),
  });
  const remote = await response.text();
  const { status } = response;
  if (status !== 201) {
    throw new RefusedError(`${withoutSecrets(url)} answered ${reasonOf(response, remote)}`, status);
  }
  if (!/^v=0\s/.test(remote)) throw new RefusedError(`${withoutSecrets(url)} answered 201 with no SDP`, status);
  const location = response.headers.get('location');
  return {
    remote,
    hangUp: async () => {
      if (location === null) return;
      // Absolute, or relative to what answered, which may be behind a redirect.
      const session = new URL(location, response.url === '' ? target : response.url);
      // Credentials are for who they were meant for, whatever a Location says.
      const isSame = session.origin === target.origin;
      const answer = await request(session, {
        method: 'DELETE',
        headers: isSame ? headers : {},
        signal: AbortSignal.timeout(HANG_UP_MS),
      });
      await answer.arrayBuffer();
    },
  };
}

/** A URL for people: no user information, no values in the query. */
export function withoutSecrets(url: string): string {
  const [, scheme = '', , rest = ''] = /^([a-z]+:\/\/)([^/?#]*@)?(.*)$/is.exec(url) ?? [];
  if (scheme === '') return url;
  return scheme + rest.replace(/([?&][^=&#]+)=[^&#]*/g, '$1=…');
}

/** The `Authorization` header of a URL's user information. */
function basicOf({ username, password }: URL): string | undefined {
  if (username === '') return undefined;
  return basic(decodeURIComponent(username), decodeURIComponent(password));
}

/** The `Authorization` header of a name and a password (RFC 7617). */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function request(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new RefusedError(`${url.host} ${reachability(error)}`, 0, { cause: error });
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ENOTFOUND: 'is no known host',
  EAI_AGAIN: 'cannot be looked up now',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: 'does not answer',
  ECONNRESET: 'closed the connection',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer',
  UND_ERR_SOCKET: 'closed the connection',
  HPE_INVALID_CONSTANT: 'does not speak HTTP',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a self-signed certificate (--insecure takes it)',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a self-signed certificate (--insecure takes it)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate that cannot be verified (--insecure takes it)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another name (--insecure takes it)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS there',
};

/** What a failed connection's error means, to be put behind the host's name. */
export function reachability(error: unknown): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'TimeoutError' || cause.name === 'AbortError') return 'did not answer in time';
    const code = 'code' in cause ? String(cause.code) : '';
    const first = cause instanceof AggregateError ? cause.errors[0] : undefined;
    const known = UNREACHABLE[code] ?? (first === undefined ? undefined : reachability(first));
    if (known !== undefined) return known;
    if (cause.cause === undefined) return `failed: ${code === '' ? cause.message : code}`;
  }
  return `failed: ${String(error)}`;
}

const MEANINGS: Readonly<Record<number, string>> = {
  401: 'unauthorised: give --token or --user, or put them in the URL',
  403: 'forbidden',
  404: 'not found: is there such a path, and is it being published?',
  405: 'method not allowed: is it a WHIP or WHEP address?',
  406: 'no answer but an offer of its own, which is not supported',
};

function reasonOf(response: Response, body: string): string {
  const { status, statusText } = response;
  const meaning = MEANINGS[status] ?? statusText;
  const type = response.headers.get('content-type') ?? '';
  const said = /html|xml/.test(type) || body.startsWith('<') ? '' : messageOf(body);
  return [status, meaning, said === '' ? '' : `(${said})`].filter(Boolean).join(' ');
}

/** One line of what a server says about a refusal. */
function messageOf(body: string): string {
  let text = body;
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) {
      const fields = new Map(Object.entries(parsed));
      text = String(fields.get('detail') ?? fields.get('error') ?? fields.get('title') ?? '');
    }
  } catch {
    // as it is
  }
  return text
    .replace(/\p{Cc}+/gu, ' ') // a terminal must not obey a server
    .trim()
    .slice(0, MAX_REASON_LENGTH);
}
