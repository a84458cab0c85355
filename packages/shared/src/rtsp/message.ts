import { requestLineUri } from './url.ts';

/** Header lines in their order; names lower case. A name may repeat (WWW-Authenticate does). */
export type RtspHeaders = readonly (readonly [name: string, value: string])[];

export type RtspRequest = {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
  /** `RTSP/1.0`, or another version that the peer speaks. */
  readonly version: string;
  readonly headers: RtspHeaders;
  readonly body: Buffer;
};

export type RtspResponse = {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly headers: RtspHeaders;
  readonly body: Buffer;
};

export type RtspMessage = RtspRequest | RtspResponse;

export const RTSP_VERSION = 'RTSP/1.0';

/** The first header of that name (lower case), or undefined. */
export function headerOf(message: { readonly headers: RtspHeaders }, name: string): string | undefined {
  return message.headers.find(([key]) => key === name)?.[1];
}

/** All headers of that name (lower case), in order. */
export function headersOf(message: { readonly headers: RtspHeaders }, name: string): string[] {
  return message.headers.filter(([key]) => key === name).map(([, value]) => value);
}

/** CSeq (RFC 2326 §12.17), or undefined when it is missing or not a number. */
export function sequenceOf(message: { readonly headers: RtspHeaders }): number | undefined {
  const text = headerOf(message, 'cseq');
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

type Outgoing = { readonly headers: RtspHeaders; readonly body?: Buffer | undefined };

/**
 * Writes a request. User information is taken out of the URI here, so that no caller can forget it. Content-Length is
 * added for a body.
 */
export function writeRequest(
  request: Outgoing & { readonly method: string; readonly uri: string; readonly version?: string },
): Buffer {
  const line = `${request.method} ${requestLineUri(request.uri)} ${request.version ?? RTSP_VERSION}`;
  return writeMessage(line, request);
}

/** Writes a response. Content-Length is added for a body. */
export function writeResponse(response: Outgoing & { readonly status: number; readonly reason: string }): Buffer {
  return writeMessage(`${RTSP_VERSION} ${response.status} ${response.reason}`, response);
}

function writeMessage(startLine: string, { headers, body }: Outgoing): Buffer {
  let head = `${oneLine(startLine)}\r\n`;
  for (const [name, value] of headers) {
    if (name !== 'content-length') head += `${canonicalName(name)}: ${oneLine(value)}\r\n`;
  }
  if (body !== undefined && body.length > 0) head += `Content-Length: ${body.length}\r\n`;
  const bytes = Buffer.from(`${head}\r\n`, 'latin1');
  return body === undefined || body.length === 0 ? bytes : Buffer.concat([bytes, body]);
}

/** Values may come from a peer: none of them may start a line of its own. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f]+/g, ' ');
}

const NAMES: Readonly<Record<string, string>> = {
  cseq: 'CSeq',
  'rtp-info': 'RTP-Info',
  'www-authenticate': 'WWW-Authenticate',
};

/** Names are case-insensitive (RFC 2326 §4.2), but simple peers compare them as they are usually written. */
function canonicalName(name: string): string {
  return (
    NAMES[name] ?? name.replace(/(^|-)([a-z])/g, (_match, dash: string, letter: string) => dash + letter.toUpperCase())
  );
}
