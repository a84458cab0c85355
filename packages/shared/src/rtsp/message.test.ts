import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { headerOf, headersOf, type RtspMessage, sequenceOf, writeRequest, writeResponse } from './message.ts';
import { MAX_RTSP_BODY_BYTES, MAX_RTSP_HEADER_BYTES, type RtspFault, RtspMessageReader } from './message-reader.ts';

/** All messages of `bytes`, which arrive in pieces that end at `cuts`. */
function readAll(
  bytes: Buffer,
  cuts: readonly number[] = [],
): { messages: RtspMessage[]; fault: RtspFault | undefined } {
  const reader = new RtspMessageReader();
  const messages: RtspMessage[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    // A read buffer that is overwritten afterwards.
    const piece = Buffer.from(bytes.subarray(start, end));
    for (let at = 0; at < piece.length && reader.fault === undefined; ) {
      at = reader.read(piece, at, piece.length);
      const message = reader.take();
      if (message !== undefined) messages.push(message);
    }
    piece.fill(0xee);
    start = end;
  }
  return { messages, fault: reader.fault };
}

const faultOf = (text: string) => readAll(Buffer.from(text, 'latin1')).fault;

test('a request is read, whatever its line ends', () => {
  for (const eol of ['\r\n', '\n']) {
    const text = [
      '',
      'ANNOUNCE rtsp://h/x RTSP/1.0',
      'cSEQ:7',
      'X-Folded: a',
      '\t b',
      'Content-length: 3',
      '',
      'v=0',
    ].join(eol);
    const [message] = readAll(Buffer.from(text)).messages;
    expect(message).toMatchObject({ kind: 'request', method: 'ANNOUNCE', uri: 'rtsp://h/x' });
    expect(message?.body.toString()).toBe('v=0');
    if (message === undefined) throw new Error('nothing read');
    expect([sequenceOf(message), headerOf(message, 'x-folded')]).toEqual([7, 'a b']);
  }
});

test('a response is read, with repeated headers and without a reason', () => {
  const text = 'RTSP/1.0 401\r\nWWW-Authenticate: Digest realm="a"\r\nWWW-Authenticate: Basic realm="a"\r\n\r\n';
  const [message] = readAll(Buffer.from(text)).messages;
  expect(message).toMatchObject({ kind: 'response', status: 401, reason: '' });
  if (message !== undefined) expect(headersOf(message, 'www-authenticate')).toHaveLength(2);
});

describe('limits', () => {
  const start = 'OPTIONS * RTSP/1.0\r\n';
  test.for([
    ['a header over 16 KiB', `${start}X: ${'a'.repeat(MAX_RTSP_HEADER_BYTES)}\r\n\r\n`, 'header-too-large'],
    ['a start line without an end', 'A'.repeat(MAX_RTSP_HEADER_BYTES), 'header-too-large'],
    ['empty lines without an end', '\n'.repeat(MAX_RTSP_HEADER_BYTES + 1), 'header-too-large'],
    ['65 headers', `${start}${'X: 1\r\n'.repeat(65)}\r\n`, 'too-many-headers'],
    ['a body over 64 KiB', `${start}Content-Length: ${MAX_RTSP_BODY_BYTES + 1}\r\n\r\n`, 'body-too-large'],
    ['a huge Content-Length', `${start}Content-Length: 99999999999999999999\r\n\r\n`, 'bad-content-length'],
    ['a negative Content-Length', `${start}Content-Length: -1\r\n\r\n`, 'bad-content-length'],
    ['a hexadecimal Content-Length', `${start}Content-Length: 0x10\r\n\r\n`, 'bad-content-length'],
    ['two Content-Lengths', `${start}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 'bad-content-length'],
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n', 'bad-start-line'],
    ['a lower-case method', 'options * RTSP/1.0\r\n\r\n', 'bad-start-line'],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\n', 'bad-start-line'],
    ['a header without a colon', `${start}CSeq 1\r\n\r\n`, 'bad-header'],
    ['a header without a name', `${start}: 1\r\n\r\n`, 'bad-header'],
    ['a folded first header', `${start} X: 1\r\n\r\n`, 'bad-header'],
    ['a NUL in a header', `${start}X: a\0b\r\n\r\n`, 'bad-header'],
    ['a lone CR in a header', `${start}X: a\rb\r\n\r\n`, 'bad-header'],
  ] as const)('%s is a fault', ([, text, fault]) => expect(faultOf(text)).toBe(fault));

  test('64 headers and 64 KiB of body are not', () => {
    const text = `${start}Content-Length: ${MAX_RTSP_BODY_BYTES}\r\n${'X: 1\r\n'.repeat(63)}\r\n${'b'.repeat(MAX_RTSP_BODY_BYTES)}`;
    expect(readAll(Buffer.from(text)).messages).toHaveLength(1);
  });
});

const token = fc.stringMatching(/^[a-z][a-z-]{0,15}$/).filter((name) => name !== 'content-length');
const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
const headers = fc.array(fc.tuple(token, value), { maxLength: 10 });
const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const message = fc.oneof(
  fc.record({
    kind: fc.constant('request' as const),
    method: fc.constantFrom('OPTIONS', 'GET_PARAMETER'),
    headers,
    body,
  }),
  fc.record({
    kind: fc.constant('response' as const),
    status: fc.integer({ min: 100, max: 999 }),
    reason: value,
    headers,
    body,
  }),
);

test('what is written is read again, however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (sent, cuts) => {
        const bytes = sent.map((one) =>
          one.kind === 'request' ? writeRequest({ ...one, uri: 'rtsp://h/x' }) : writeResponse(one),
        );
        const { messages, fault } = readAll(Buffer.concat(bytes), cuts);
        expect(fault).toBeUndefined();
        expect(
          messages.map(({ kind, body, headers }) => ({
            kind,
            body,
            headers: headers.filter(([name]) => name !== 'content-length'),
          })),
        ).toEqual(sent.map(({ kind, body, headers }) => ({ kind, body, headers })));
      },
    ),
  );
});

test('no value that is written starts a line of its own, and no URI holds a password', () => {
  const bytes = writeRequest({ method: 'OPTIONS', uri: 'rtsp://u:pw@h/x', headers: [['x', 'a\r\nY: b']] });
  expect(bytes.toString()).toBe('OPTIONS rtsp://h/x RTSP/1.0\r\nX: a Y: b\r\n\r\n');
  const strange = writeRequest({ method: 'OPTIONS', uri: 'rtsp://h/a b\r\né', headers: [] });
  expect(strange.toString()).toBe('OPTIONS rtsp://h/a%20b%0D%0A%C3%A9 RTSP/1.0\r\n\r\n');
});

test('mutated messages give messages or declared faults, in bounded time', () => {
  const seed = Buffer.from(
    'ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 7\r\nContent-Length: 5\r\n\r\nv=0\r\nRTSP/1.0 200 OK\r\nSession: 1\r\n\r\n',
  );
  const declared = new Set<string | undefined>([
    ...[undefined, 'header-too-large', 'too-many-headers', 'bad-start-line'],
    ...['bad-header', 'bad-content-length', 'body-too-large'],
  ]);
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(seed);
    for (let change = 0; change <= random(4); change++) bytes[random(bytes.length)] = random(256);
    expect(declared.has(readAll(bytes, [random(bytes.length)]).fault)).toBe(true);
  }
});
