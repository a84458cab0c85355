import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { exchange, RefusedError, withoutSecrets } from './signalling.ts';

const ANSWER = 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n';
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

type Seen = { readonly method: string; readonly url: string; readonly authorization: string | undefined };

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, authorization: headers.authorization });
    request.resume();
    request.on('end', () => answer(request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return { seen, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const refusal = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RefusedError)) throw new Error(`no refusal: ${error}`);
  expect(error.message).not.toContain('\n');
  return error;
};

test.for([
  ['relative to the address', 'session/1', '/cam/session/1'],
  ['an absolute path', '/sessions/1?x=2', '/sessions/1?x=2'],
] as const)('a session is ended where the server says: %s', async ([, location, ended]) => {
  const { host, seen } = await serve((_request, response) => response.writeHead(201, { location }).end(ANSWER));
  const { remote, hangUp } = await exchange(`http://ann:p%40ss@${host}/cam/whep`, 'v=0');
  expect(remote).toBe(ANSWER);
  await hangUp();
  const authorization = `Basic ${Buffer.from('ann:p@ss').toString('base64')}`;
  expect(seen).toEqual([
    { method: 'POST', url: '/cam/whep', authorization },
    { method: 'DELETE', url: ended, authorization },
  ]);
});

test('credentials go to no other host, whatever its Location says', async () => {
  const other = await serve((_request, response) => response.end());
  const { host, seen } = await serve((_request, response) =>
    response.writeHead(201, { location: `http://${other.host}/s` }).end(ANSWER),
  );
  const { hangUp } = await exchange(`http://${host}/whep`, 'v=0', { authorization: 'Bearer secret' });
  await hangUp();
  expect(seen).toMatchObject([{ authorization: 'Bearer secret' }]);
  expect(other.seen).toEqual([{ method: 'DELETE', url: '/s', authorization: undefined }]);
});

test('a session without a Location is left to its own end', async () => {
  const { host, seen } = await serve((_request, response) => response.writeHead(201).end(ANSWER));
  await (await exchange(`http://${host}/whep`, 'v=0')).hangUp();
  expect(seen).toHaveLength(1);
});

test.for([
  [
    401,
    'text/plain',
    'who are\u001b[31m you\r\nthere?',
    '401 unauthorised: give --token or --user, or put them in the URL (who are [31m you there?)',
  ],
  [
    404,
    'application/json',
    '{"error":"no stream"}',
    '404 not found: is there such a path, and is it being published? (no stream)',
  ],
  [503, 'application/problem+json', '{"title":"t","detail":"full"}', '503 Service Unavailable (full)'],
  [500, 'text/html', '<h1>oops</h1>', '500 Internal Server Error'],
  [200, 'application/sdp', '', '200 OK'],
] as const)('a refusal by %i is told in one line', async ([status, type, body, told]) => {
  const { host } = await serve((_request, response) => response.writeHead(status, { 'content-type': type }).end(body));
  const error = await refusal(exchange(`http://u:p@${host}/whep?token=secret`, 'v=0'));
  expect(error.message).toBe(`http://${host}/whep?token=… answered ${told}`);
  expect(error.status).toBe(status);
});

test('an answer that is not SDP is none', async () => {
  const { host } = await serve((_request, response) => response.writeHead(201).end('<html>'));
  expect((await refusal(exchange(`http://${host}/whep`, 'v=0'))).message).toContain('answered 201 with no SDP');
});

test('who does not answer is given up in time', async () => {
  const { host } = await serve(() => {});
  const stopped = AbortSignal.abort(new DOMException('', 'TimeoutError'));
  const error = await refusal(exchange(`http://${host}/whep`, 'v=0', { signal: stopped }));
  expect(error.message).toBe(`${host} did not answer in time`);
});

test('who does not listen is told by name', async () => {
  const { host } = await serve(() => {});
  closing.pop()?.();
  const error = await refusal(exchange(`http://${host}/whep`, 'v=0'));
  expect(error.message).toBe(`${host} refuses connections`);
});

test.for([
  ['http://h/p', 'http://h/p'],
  ['https://u:p@h:1/p?jwt=abc&x=1#f', 'https://h:1/p?jwt=…&x=…#f'],
  ['rtsp://u:p%40@h/bench{}', 'rtsp://h/bench{}'],
] as const)('%s is shown as %s', ([url, shown]) => {
  expect(withoutSecrets(url)).toBe(shown);
});
