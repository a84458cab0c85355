import { headersOf, RTSP_VERSION, type RtspMessage } from './message.ts';

export const MAX_RTSP_HEADER_BYTES = 16 * 1024;
export const MAX_RTSP_HEADERS = 64;
export const MAX_RTSP_BODY_BYTES = 64 * 1024;

/** Why bytes are not an RTSP message. After a fault the stream has no known message border: close it, or resynchronise. */
export type RtspFault =
  | 'header-too-large'
  | 'too-many-headers'
  | 'bad-start-line'
  | 'bad-header'
  | 'bad-content-length'
  | 'body-too-large';

type Start =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string; readonly version: string }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string; readonly version: string };

const LF = 0x0a;
const CR = 0x0d;
const INITIAL_HEADER_BYTES = 1024;
const NO_BODY = Buffer.alloc(0);

/**
 * Reads one RTSP/1.0 message at a time from a stream cut anywhere (RFC 2326 §4). Lines end in CRLF or LF. It keeps copies,
 * never the caller's bytes, and holds at most the limits above.
 */
export class RtspMessageReader {
  #line = NO_BODY;
  #lineLength = 0;
  #headerBytes = 0;
  #start: Start | undefined;
  #headers: [name: string, value: string][] = [];
  #body = NO_BODY;
  #bodyLength = -1; // bytes had so far; -1 while in the header
  #message: RtspMessage | undefined;
  #fault: RtspFault | undefined;

  /** Set when bytes were not RTSP; cleared by `reset`. */
  get fault(): RtspFault | undefined {
    return this.#fault;
  }
  /** In the middle of a message. */
  get isPartial(): boolean {
    return this.#headerBytes > 0 && this.#message === undefined;
  }

  /**
   * Takes bytes of buffer[start, end) up to the end of one message, and returns where it stopped. Call `take` whenever it
   * returns; it stops early only when a message is complete or at a fault.
   */
  read(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#message === undefined && this.#fault === undefined) {
      at = this.#bodyLength >= 0 ? this.#readBody(buffer, at, end) : this.#readLine(buffer, at, end);
    }
    return at;
  }

  /** The complete message, if there is one; the next is then read. */
  take(): RtspMessage | undefined {
    const message = this.#message;
    if (message !== undefined) this.reset();
    return message;
  }

  /** Forgets what was read of a message. */
  reset(): void {
    this.#lineLength = 0;
    this.#headerBytes = 0;
    this.#start = undefined;
    this.#headers = [];
    this.#body = NO_BODY;
    this.#bodyLength = -1;
    this.#message = undefined;
    this.#fault = undefined;
  }

  #readLine(buffer: Buffer, at: number, end: number): number {
    const room = MAX_RTSP_HEADER_BYTES - this.#headerBytes;
    const limit = Math.min(end, at + room);
    const newline = buffer.subarray(at, limit).indexOf(LF);
    const isWhole = newline >= 0;
    const stop = isWhole ? at + newline + 1 : limit;
    this.#append(buffer, at, stop);
    this.#headerBytes += stop - at;
    if (isWhole) this.#endLine();
    else if (this.#headerBytes >= MAX_RTSP_HEADER_BYTES) this.#fault = 'header-too-large';
    return stop;
  }

  #append(buffer: Buffer, start: number, end: number): void {
    const needed = this.#lineLength + end - start;
    if (needed > this.#line.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(INITIAL_HEADER_BYTES, 2 ** Math.ceil(Math.log2(needed))));
      this.#line.copy(grown, 0, 0, this.#lineLength);
      this.#line = grown;
    }
    buffer.copy(this.#line, this.#lineLength, start, end);
    this.#lineLength = needed;
  }

  #endLine(): void {
    let length = this.#lineLength - 1;
    if (length > 0 && this.#line[length - 1] === CR) length--;
    const line = this.#line.toString('latin1', 0, length);
    this.#lineLength = 0;
    if (this.#start === undefined) {
      // Stray empty lines before a message: RFC 2326 §4.1 asks to ignore them.
      if (line === '') return;
      this.#start = parseStartLine(line);
      if (this.#start === undefined) this.#fault = 'bad-start-line';
    } else if (line === '') {
      this.#endHeader();
    } else {
      this.#fault = this.#takeHeader(line);
    }
  }

  #takeHeader(line: string): RtspFault | undefined {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a header has none but tabs
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line)) return 'bad-header';
    if (line.startsWith(' ') || line.startsWith('\t')) {
      // RFC 2326 §4.2 with RFC 2068 §4.2: a folded line goes on with the one before.
      const last = this.#headers.at(-1);
      if (last === undefined) return 'bad-header';
      last[1] = `${last[1]} ${line.trim()}`.trim();
      return undefined;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trimEnd();
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return 'bad-header';
    if (this.#headers.length >= MAX_RTSP_HEADERS) return 'too-many-headers';
    this.#headers.push([name.toLowerCase(), line.slice(colon + 1).trim()]);
    return undefined;
  }

  #endHeader(): void {
    const lengths = new Set(headersOf({ headers: this.#headers }, 'content-length'));
    const [text = '0'] = lengths;
    if (lengths.size > 1 || !/^\d{1,15}$/.test(text)) {
      this.#fault = 'bad-content-length';
      return;
    }
    const length = Number(text);
    if (length > MAX_RTSP_BODY_BYTES) {
      this.#fault = 'body-too-large';
      return;
    }
    this.#body = length === 0 ? NO_BODY : Buffer.allocUnsafeSlow(length);
    this.#bodyLength = 0;
    if (length === 0) this.#complete();
  }

  #readBody(buffer: Buffer, at: number, end: number): number {
    const stop = Math.min(end, at + this.#body.length - this.#bodyLength);
    buffer.copy(this.#body, this.#bodyLength, at, stop);
    this.#bodyLength += stop - at;
    if (this.#bodyLength === this.#body.length) this.#complete();
    return stop;
  }

  #complete(): void {
    if (this.#start === undefined) return;
    this.#message = { ...this.#start, headers: this.#headers, body: this.#body };
  }
}

function parseStartLine(line: string): Start | undefined {
  const request = /^([A-Z][A-Z_]{1,31}) ([\x21-\x7e]+) (RTSP\/\d\.\d)$/.exec(line);
  if (request !== null) {
    const [, method = '', uri = '', version = RTSP_VERSION] = request;
    return { kind: 'request', method, uri, version };
  }
  const response = /^(RTSP\/\d\.\d) ([1-9]\d\d)(?: ([\x20-\x7e\x80-\xff]*))?$/.exec(line);
  if (response === null) return undefined;
  const [, version = RTSP_VERSION, status, reason = ''] = response;
  return { kind: 'response', status: Number(status), reason, version };
}
