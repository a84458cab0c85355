import type { IncomingMessage } from 'node:http';
import { isEqualText, type RtspCredentials } from '@shardcast/shared';

/** What a client proves its identity with: a name and a password, a token, or both. */
export type Credentials = {
  /** Empty when there is only a token. */
  readonly user: string;
  /** Undefined for a digest, of which only `verify` can tell. */
  readonly password: string | undefined;
  readonly token: string | undefined;
  /** Whether the client knows this password; in constant time. */
  verify(password: string): boolean;
};

/** Of the URL, without its question mark. */
export function queryOf({ url = '' }: IncomingMessage): string {
  return url.split('?').slice(1).join('?');
}

/** What an HTTP request gives, as `httpCredentials` reads it. */
export function credentialsOf(request: IncomingMessage): Credentials | undefined {
  return httpCredentials(request.headers.authorization, queryOf(request));
}

/**
 * Of an HTTP request: `Authorization: Basic` or `Bearer`, else `?user=…&pass=…`, `?jwt=…` or `?token=…`, as MediaMTX takes
 * them. A bearer token of the form `user:pass` is also a name and a password, since OBS has no other field.
 */
export function httpCredentials(authorization: string | undefined, query: string): Credentials | undefined {
  const [scheme = '', value = ''] = (authorization ?? '').trim().split(/\s+/, 2);
  if (scheme.toLowerCase() === 'bearer' && value !== '') {
    const [user, password] = splitAtColon(value);
    return password === undefined ? withToken(value) : withPassword(user, password, value);
  }
  if (scheme.toLowerCase() === 'basic') {
    const [user, password] = splitAtColon(Buffer.from(value, 'base64').toString('utf8'));
    return withPassword(user, password ?? '', undefined);
  }
  if (authorization !== undefined) return withPassword('', '', undefined); // of a scheme that we do not know: wrong
  return queryCredentials(query);
}

/** Of an RTSP request: its Authorization header, else its URL's query. */
export function rtspCredentials(given: RtspCredentials | undefined, query: string): Credentials | undefined {
  if (given === undefined) return queryCredentials(query);
  // Cameras and encoders have no field for a token: it stands in for the password.
  return { ...given, token: given.password, verify: (password) => given.verify(password) };
}

function queryCredentials(query: string): Credentials | undefined {
  if (query === '') return undefined;
  const parameters = new URLSearchParams(query);
  const token = parameters.get('jwt') ?? parameters.get('token');
  const user = parameters.get('user');
  if (user !== null) return withPassword(user, parameters.get('pass') ?? '', token ?? undefined);
  return token === null ? undefined : withToken(token);
}

function withToken(token: string): Credentials {
  return { user: '', password: undefined, token, verify: () => false };
}

function withPassword(user: string, password: string, token: string | undefined): Credentials {
  return { user, password, token, verify: (expected) => isEqualText(password, expected) };
}

function splitAtColon(text: string): [head: string, tail: string | undefined] {
  const at = text.indexOf(':');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
