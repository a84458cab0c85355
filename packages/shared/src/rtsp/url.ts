/** Default ports of `rtsp://` (RFC 2326 §3.2) and `rtsps://` (RFC 7826 §4.2). */
const RTSP_PORT = 554;
const RTSPS_PORT = 322;

export type RtspUrl = {
  /** A name or an IP literal, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** `rtsps://`: over TLS. */
  readonly isSecure: boolean;
  /** Percent-decoded; undefined when the URL has no user information. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** The URL without user information, otherwise byte for byte as written: cameras are particular about it. */
  readonly uri: string;
};

const SCHEME = /^rtsps?:\/\//i;

/**
 * Reads an `rtsp://` or `rtsps://` URL by hand, because a URL class would normalise what a camera expects back unchanged, and would
 * refuse passwords that people write without escaping. User information ends at the last `@` before the path.
 */
export function parseRtspUrl(text: string): RtspUrl | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get into a request line
  if (/[\u0000-\u0020\u007f]/.test(text)) return undefined;
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return undefined;
  const isSecure = /^rtsps/i.test(scheme);
  const { userInfo, hostPort, rest } = splitAuthority(text.slice(scheme.length));
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(hostPort);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) return undefined;
  const port = match[3] === undefined ? (isSecure ? RTSPS_PORT : RTSP_PORT) : Number(match[3]);
  if (port === 0 || port > 65535) return undefined;
  const colon = userInfo?.indexOf(':') ?? -1;
  return {
    host,
    port,
    isSecure,
    user: userInfo === undefined ? undefined : percentDecode(colon < 0 ? userInfo : userInfo.slice(0, colon)),
    password: userInfo === undefined ? undefined : percentDecode(colon < 0 ? '' : userInfo.slice(colon + 1)),
    uri: `${scheme}${hostPort}${rest}`,
  };
}

/** `uri` without user information. Anything that is not an absolute RTSP URL (such as `*`) is returned as it is. */
export function withoutCredentials(uri: string): string {
  const scheme = SCHEME.exec(uri)?.[0];
  if (scheme === undefined) return uri;
  const { hostPort, rest } = splitAuthority(uri.slice(scheme.length));
  return `${scheme}${hostPort}${rest}`;
}

/**
 * `uri` as it goes into a request line, and into the digest of it: without user information, and with what cannot stand
 * there percent-encoded. A camera's control attributes are such text as the camera likes.
 */
export function requestLineUri(uri: string): string {
  return withoutCredentials(uri).replace(/[^\x21-\x7e]+/g, (text) =>
    Buffer.from(text, 'utf8')
      .toString('hex')
      .replace(/../g, (byte) => `%${byte.toUpperCase()}`),
  );
}

/** Path and query of a request URI; the path without slashes at its ends, percent-decoded. */
export function requestPath(uri: string): { readonly path: string; readonly query: string } {
  const scheme = SCHEME.exec(uri)?.[0];
  const rest = scheme === undefined ? uri : splitAuthority(uri.slice(scheme.length)).rest;
  const question = rest.indexOf('?');
  const path = question < 0 ? rest : rest.slice(0, question);
  return { path: percentDecode(trimSlashes(path)), query: question < 0 ? '' : rest.slice(question + 1) };
}

/**
 * The URI of a control attribute (RFC 2326 §C.1.1). Practice appends where a URL class would replace the last segment, so
 * that is what happens here.
 * @param base Content-Base, Content-Location or the request URI
 * @param control the attribute's value; undefined or `*` is the base itself
 */
export function resolveControl(base: string, control: string | undefined): string {
  if (control === undefined || control === '' || control === '*') return withoutCredentials(base);
  if (SCHEME.test(control)) return withoutCredentials(control);
  const plain = withoutCredentials(base);
  if (control.startsWith('?')) return plain + control;
  if (control.startsWith('/')) return (plain.endsWith('/') ? plain.slice(0, -1) : plain) + control;
  return plain.endsWith('/') ? plain + control : `${plain}/${control}`;
}

function splitAuthority(text: string): { userInfo: string | undefined; hostPort: string; rest: string } {
  const pathStart = text.search(/[/?]/);
  const authority = pathStart < 0 ? text : text.slice(0, pathStart);
  const at = authority.lastIndexOf('@');
  return {
    userInfo: at < 0 ? undefined : authority.slice(0, at),
    hostPort: authority.slice(at + 1),
    rest: pathStart < 0 ? '' : text.slice(pathStart),
  };
}

function trimSlashes(path: string): string {
  let start = 0;
  let end = path.length;
  while (start < end && path[start] === '/') start++;
  while (end > start && path[end - 1] === '/') end--;
  return path.slice(start, end);
}

/** As it is where it is not valid percent-encoding: passwords with a bare `%` exist. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
