import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { ERROR_CODES, ShardcastError } from '@shardcast/shared';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ANSWER, FakeMedia, OFFER, pathInfo, shardView } from '../../test/fake-media.ts';
import { type Authorise, authorise } from '../auth/authorise.ts';
import type { ShardView } from '../paths/media.ts';
import { createApp } from './app.ts';
import type { ProcessState } from './health.ts';
import { HTTP_STATUS, retryAfterSeconds } from './problem.ts';
import { type HttpDoor, listenHttp } from './server.ts';

const FRAGMENT = 'application/trickle-ice-sdpfrag';
const log = pino({ level: 'silent' });

let media: FakeMedia;
let door: HttpDoor;
let base = '';
let shards: ShardView[] = [];
let state: ProcessState = 'ready';
let rejected: string[] = [];

async function start(options: { allowOrigins?: string[]; authorise?: Authorise } = {}): Promise<void> {
  const app = createApp({
    media,
    config: { webrtcAllowOrigins: options.allowOrigins ?? ['*'] },
    authorise: options.authorise ?? authorise,
    scripts: new Map([['reader.js', Buffer.from('export {};')]]),
    log,
    shards: () => shards,
    state: () => state,
    rejections: { count: (reason) => rejected.push(reason) },
  });
  door = await listenHttp(app, { host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${door.port}`;
}

beforeEach(async () => {
  media = new FakeMedia();
  shards = [shardView(0)];
  state = 'ready';
  rejected = [];
  await start();
});
afterEach(() => door.close(0));

const post = (path: string, body: BodyInit = OFFER, headers: Record<string, string> = {}) =>
  fetch(base + path, { method: 'POST', body, headers: { 'Content-Type': 'application/sdp', ...headers } });
const patch = (location: string, body: string, headers: Record<string, string> = {}) =>
  fetch(base + location, { method: 'PATCH', body, headers: { 'Content-Type': FRAGMENT, ...headers } });
const fragment = (ufrag: string) =>
  `a=ice-ufrag:${ufrag}\r\na=ice-pwd:clientpasswordclientpw\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n`;

async function opened(path = '/cam/whep'): Promise<string> {
  const location = (await post(path)).headers.get('Location');
  if (location === null) throw new Error('no Location');
  return location;
}

async function problemOf(response: Response): Promise<unknown> {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  const problem: unknown = await response.json();
  expect(problem).toMatchObject({ status: response.status, title: expect.any(String), detail: expect.any(String) });
  expect(JSON.stringify(problem)).not.toMatch(/\.ts\b|node_modules|\bat \//);
  return problem;
}

describe.each(['whip', 'whep'])('%s', (kind) => {
  test('POST answers 201 with the answer and where its session is', async () => {
    const response = await post(`/live/cam-1/${kind}`);
    expect(response.status).toBe(201);
    expect(response.headers.get('Content-Type')).toBe('application/sdp');
    expect(response.headers.get('Location')).toBe(`/live/cam-1/${kind}/secret-1`);
    expect(response.headers.get('ETag')).toBe('"tag1"');
    expect(response.headers.get('Accept-Patch')).toBe(FRAGMENT);
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(response.headers.get('Access-Control-Expose-Headers')).toContain('Location, Link, ETag');
    expect(response.headers.has('X-Powered-By')).toBe(false);
    expect(await response.text()).toBe(ANSWER);
    expect(media.open.get('secret-1')).toMatchObject({ kind, path: 'live/cam-1' });
  });

  test('a content type with parameters is the same type', async () => {
    expect((await post(`/cam/${kind}`, OFFER, { 'Content-Type': 'Application/SDP; charset=utf-8' })).status).toBe(201);
  });

  test('a wrong or missing content type is 415', async () => {
    expect(await problemOf(await post(`/cam/${kind}`, OFFER, { 'Content-Type': 'text/plain' }))).toMatchObject({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    });
    expect((await fetch(`${base}/cam/${kind}`, { method: 'POST' })).status).toBe(415);
  });

  test('an unknown charset or a compressed body is 415', async () => {
    expect((await post(`/cam/${kind}`, OFFER, { 'Content-Type': 'application/sdp; charset=klingon' })).status).toBe(
      415,
    );
    expect((await post(`/cam/${kind}`, OFFER, { 'Content-Encoding': 'gzip' })).status).toBe(415);
  });

  test('an empty offer is 400', async () => {
    expect(await problemOf(await post(`/cam/${kind}`, ''))).toMatchObject({ status: 400, code: 'SDP_INVALID' });
  });

  test('64 KiB pass and one byte more is 413', async () => {
    expect((await post(`/cam/${kind}`, OFFER.padEnd(65_536, ' '))).status).toBe(201);
    const response = await post(`/cam/${kind}`, OFFER.padEnd(65_537, ' '));
    expect(response.headers.get('Connection')).toBe('close');
    expect(await problemOf(response)).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' });
  });

  test('a body that outgrows the limit without having said so is 413', async () => {
    const sent = request(`${base}/cam/${kind}`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' } });
    sent.on('error', () => {});
    for (let i = 0; i < 3; i++) sent.write('x'.repeat(32_768));
    const [response] = await once(sent, 'response');
    expect(response.statusCode).toBe(413);
    response.resume();
    sent.destroy();
  });

  test('path names that cannot be are 400', async () => {
    for (const path of ['/a%20b', '/a/..%2fb', `/${'x'.repeat(257)}`, '/a//b', '/%zz', '/a%00'])
      expect(await problemOf(await post(`${path}/${kind}`)), path).toMatchObject({ status: 400, code: 'PATH_INVALID' });
  });

  test.each(ERROR_CODES)('%s has its status and Retry-After', async (code) => {
    media.failures.set('cam', new ShardcastError(code, 'because'));
    const response = await post(`/cam/${kind}`);
    expect(response.status).toBe(HTTP_STATUS[code]);
    expect(response.headers.get('Retry-After')).toBe(retryAfterSeconds(code)?.toString() ?? null);
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(await problemOf(response)).toMatchObject({
      code,
      detail: HTTP_STATUS[code] === 500 ? 'internal error' : 'because',
    });
    expect(rejected).toEqual(HTTP_STATUS[code] === 503 ? [code] : []);
  });

  test('OPTIONS says what may be done, for a preflight too', async () => {
    const response = await fetch(`${base}/cam/${kind}`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://a.example' },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('Accept-Post')).toBe('application/sdp');
    expect(response.headers.get('Allow')).toBe('OPTIONS, GET, HEAD, POST');
    expect(response.headers.get('Access-Control-Allow-Methods')).toContain('POST');
    expect(response.headers.get('Access-Control-Allow-Headers')).toContain('If-Match');
    const session = await fetch(`${base}/cam/${kind}/x`, { method: 'OPTIONS' });
    expect(session.headers.get('Access-Control-Allow-Methods')).toContain('PATCH, DELETE');
  });

  test('GET and HEAD on the endpoint tell that it is there', async () => {
    expect((await fetch(`${base}/cam/${kind}`)).status).toBe(204);
    const head = await fetch(`${base}/cam/${kind}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('Content-Type')]).toEqual([200, 'application/sdp']);
  });

  test('other methods are 405 with Allow', async () => {
    const endpoint = await fetch(`${base}/cam/${kind}`, { method: 'PUT' });
    expect([endpoint.status, endpoint.headers.get('Allow')]).toEqual([405, 'OPTIONS, GET, HEAD, POST']);
    const session = await fetch(base + (await opened(`/cam/${kind}`)), { method: 'POST' });
    expect([session.status, session.headers.get('Allow')]).toEqual([405, 'OPTIONS, GET, HEAD, PATCH, DELETE']);
  });

  test('DELETE is 200 once, then 404', async () => {
    const location = await opened(`/cam/${kind}`);
    expect((await fetch(base + location, { method: 'DELETE', headers: { 'If-Match': '"other"' } })).status).toBe(200);
    expect(media.open.size).toBe(0);
    expect(await problemOf(await fetch(base + location, { method: 'DELETE' }))).toMatchObject({
      status: 404,
      code: 'SESSION_NOT_FOUND',
    });
  });

  test('a session is found under its own kind and path only', async () => {
    const location = await opened(`/cam/${kind}`);
    const secret = location.split('/').at(-1);
    const other = kind === 'whip' ? 'whep' : 'whip';
    for (const wrong of [`/cam2/${kind}/${secret}`, `/cam/${other}/${secret}`, `/cam/${kind}/${secret}/x`])
      expect((await fetch(base + wrong, { method: 'DELETE' })).status, wrong).toBe(404);
    expect(media.open.size).toBe(1);
  });

  test('GET on a session is 204 while it lives and 404 after', async () => {
    const location = await opened(`/cam/${kind}`);
    expect((await fetch(base + location)).status).toBe(204);
    media.open.clear();
    expect((await fetch(base + location)).status).toBe(404);
  });
});

describe('PATCH', () => {
  test('candidates are 204, with and without credentials, whichever If-Match is usual', async () => {
    const location = await opened();
    for (const headers of [{}, { 'If-Match': '*' }, { 'If-Match': '"tag1"' }, { 'If-Match': '"x", "tag1"' }]) {
      const response = await patch(
        location,
        `${fragment('cliU')}a=candidate:1 1 udp 1 x.local 9 typ host\r\n`,
        headers,
      );
      expect(response.status).toBe(204);
      expect(response.headers.has('ETag')).toBe(false);
    }
    expect((await patch(location, 'a=mid:0\r\na=end-of-candidates\r\n')).status).toBe(204);
    expect(media.restarts).toEqual([]);
  });

  test('new credentials restart ICE: 200, a fragment to apply, a new tag', async () => {
    const location = await opened();
    const response = await patch(location, fragment('cliU2'), { 'If-Match': '*' });
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toBe(FRAGMENT);
    expect(response.headers.get('ETag')).toBe('"tag2"');
    expect((await response.text()).split('\r\n')).toEqual([
      'a=ice-lite',
      'm=video 9 UDP/TLS/RTP/SAVPF 96',
      'a=mid:0',
      'a=ice-ufrag:newU',
      'a=ice-pwd:newpasswordnewpassword',
      'a=candidate:1 1 udp 2130706431 127.0.0.1 8189 typ host',
      'a=end-of-candidates',
      '',
    ]);
    expect(media.restarts).toEqual([{ ufrag: 'cliU2', pwd: 'clientpasswordclientpw' }]);
    expect((await patch(location, fragment('cliU2'))).status).toBe(204);
  });

  test('a failed restart leaves the session as it was, and may be tried again', async () => {
    const location = await opened();
    const { restartIce } = media;
    media.restartIce = () => Promise.reject(new ShardcastError('WORKER_LOST', 'gone'));
    expect((await patch(location, fragment('cliU2'))).status).toBe(503);
    media.restartIce = restartIce;
    expect((await patch(location, fragment('cliU2'))).status).toBe(200);
  });

  test('the tag of an ICE session that is over is 412', async () => {
    const location = await opened();
    expect(await problemOf(await patch(location, fragment('cliU2'), { 'If-Match': '"old"' }))).toMatchObject({
      status: 412,
      code: 'PRECONDITION_FAILED',
    });
  });

  test('malformed fragments are 400', async () => {
    const location = await opened();
    for (const body of ['', 'hello', 'a=ice-ufrag:abcd\r\n', 'a=ice-ufrag:a\r\na=ice-pwd:b\r\n', fragment('a b c d')])
      expect((await patch(location, body)).status, body).toBe(400);
  });

  test('another content type is 415, and an unknown session 404 before that', async () => {
    const location = await opened();
    expect((await patch(location, 'x', { 'Content-Type': 'application/sdp' })).status).toBe(415);
    expect((await patch('/cam/whep/unknown', 'x', { 'Content-Type': 'application/sdp' })).status).toBe(404);
    expect((await patch(location, 'x'.repeat(65_537))).status).toBe(413);
  });
});

test('a client that left before the answer leaves no session behind', async () => {
  let release = (): void => {};
  media.gate = new Promise((resolve) => {
    release = resolve;
  });
  const sent = request(`${base}/cam/whep`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' } });
  sent.on('error', () => {});
  const [connection] = await Promise.all([once(door.server, 'connection'), sent.end(OFFER)]);
  await once(door.server, 'request').catch(() => {});
  sent.destroy();
  await once(connection[0], 'close');
  const closed = new Promise<void>((resolve) => {
    const { closeSession } = media;
    media.closeSession = async (...args) => {
      await closeSession.apply(media, args);
      resolve();
    };
  });
  release();
  await closed;
  expect(media.open.size).toBe(0);
});

describe('origins', () => {
  beforeEach(async () => {
    await door.close(0);
    await start({ allowOrigins: ['https://a.example', 'https://*.b.example'] });
  });

  test('listed origins are named, others not', async () => {
    const allowed = async (origin: string) => {
      const response = await post('/cam/whep', OFFER, { Origin: origin });
      expect(response.headers.get('Vary')).toContain('Origin');
      return response.headers.get('Access-Control-Allow-Origin');
    };
    expect(await allowed('https://a.example')).toBe('https://a.example');
    expect(await allowed('https://x.b.example')).toBe('https://x.b.example');
    for (const origin of [
      'https://b.example',
      'http://a.example',
      'https://a.example.evil',
      'https://evilb.example',
      'null',
    ])
      expect(await allowed(origin), origin).toBeNull();
  });
});

test('every route about a path asks the one authoriser', async () => {
  await door.close(0);
  const asked: string[] = [];
  await start({
    authorise: async ({ action, path }) => {
      asked.push(`${action} ${path}`);
      return { allowed: false, code: 'FORBIDDEN', reason: 'no' };
    },
  });
  const routes: [string, string, string][] = [
    ['POST', '/cam/whip', 'publish cam'],
    ['PATCH', '/cam/whip/s', 'publish cam'],
    ['DELETE', '/cam/whip/s', 'publish cam'],
    ['GET', '/cam/whip', 'publish cam'],
    ['POST', '/cam/whep', 'read cam'],
    ['PATCH', '/cam/whep/s', 'read cam'],
    ['DELETE', '/cam/whep/s', 'read cam'],
    ['HEAD', '/cam/whep', 'read cam'],
    ['GET', '/cam/', 'read cam'],
    ['GET', '/cam/publish', 'publish cam'],
  ];
  for (const [method, path, expected] of routes) {
    const response = await fetch(base + path, { method });
    expect([response.status, asked.pop()], `${method} ${path}`).toEqual([403, expected]);
  }
  media.infos = [pathInfo('hidden')];
  expect(await (await fetch(`${base}/`)).text()).not.toContain('hidden');
});

test('without credentials where some are wanted: 401 and how to log in', async () => {
  await door.close(0);
  await start({ authorise: async () => ({ allowed: false, code: 'UNAUTHENTICATED', reason: 'who are you' }) });
  const response = await post('/cam/whep');
  expect(response.status).toBe(401);
  expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="shardcast"');
});

describe('pages', () => {
  const get = (path: string) => fetch(base + path, { redirect: 'manual' });

  test('a path without a slash leads to its player, query and all', async () => {
    const response = await get('/live/cam1?muted=false&token=x');
    expect([response.status, response.headers.get('Location')]).toEqual([302, '/live/cam1/?muted=false&token=x']);
  });

  test('a redirect never leads to another host', async () => {
    for (const path of [
      '//evil.example',
      '///evil.example',
      '/%2fevil.example',
      '/%5cevil.example',
      '/\\evil.example',
    ]) {
      const response = await raw(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
      expect(response, path).toMatch(/^HTTP\/1\.1 400 /);
    }
  });

  test('the player has its video, script and rules', async () => {
    const response = await get('/cam1/');
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('Cache-Control')).toBe('no-cache');
    expect(response.headers.get('Content-Security-Policy')).toContain("script-src 'self'");
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
    const html = await response.text();
    expect(html).toContain('<video id="video" controls muted autoplay playsinline>');
    expect(html).toContain('src="player-page.js"');
    expect(html).not.toMatch(/<script>|onclick|javascript:/);
  });

  test('the query chooses the video element’s attributes', async () => {
    const html = await (
      await get('/cam1/?controls=false&muted=0&autoplay=no&playsInline=off&disablepictureinpicture=1')
    ).text();
    expect(html).toContain('<video id="video" disablepictureinpicture>');
  });

  test('the publisher’s page and the scripts are beside it', async () => {
    expect(await (await get('/live/cam1/publish')).text()).toContain('Publish <code>live/cam1</code>');
    const script = await get('/live/cam1/reader.js');
    expect(script.headers.get('Content-Type')).toBe('text/javascript; charset=utf-8');
    expect(await script.text()).toBe('export {};');
    expect((await get('/live/cam1/other.js')).status).toBe(302); // a stream may be called that
    expect((await get('/favicon.ico')).status).toBe(404);
  });

  test('the index lists what is live', async () => {
    media.infos = [pathInfo('b'), pathInfo('a/c'), pathInfo('off', { online: false })];
    const html = await (await get('/')).text();
    expect(html).toContain('<a href="/a/c/">a/c</a>');
    expect(html.indexOf('/a/c/')).toBeLessThan(html.indexOf('/b/'));
    expect(html).not.toContain('off');
  });

  test('names with markup do not reach a page', async () => {
    for (const path of ['/<script>/', '/a"b/', '/a%3Cb/publish'])
      expect(await problemOf(await get(path)), path).toMatchObject({ status: 400 });
  });

  test('the WebSocket’s URL without an upgrade is 426', async () => {
    const response = await get('/ws');
    expect([response.status, response.headers.get('Upgrade')]).toEqual([426, 'websocket']);
  });

  test('other methods are 405', async () => {
    const response = await fetch(`${base}/cam1/`, { method: 'POST' });
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('health', () => {
  test('alive whatever the workers do', async () => {
    shards = [];
    state = 'draining';
    const response = await fetch(`${base}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  });

  test('ready when listening with a worker up, else 503 with reasons', async () => {
    expect(await (await fetch(`${base}/readyz`)).json()).toEqual({ status: 'ready', reasons: [] });
    state = 'draining';
    shards = [shardView(0, { state: 'restarting' })];
    const response = await fetch(`${base}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'not ready', reasons: ['draining', 'no worker is up'] });
  });
});

describe('the server', () => {
  test('headers over 16 KiB are 431', async () => {
    expect(await raw(`GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('a request that does not come is given up, and others do not wait for it', async () => {
    const slow = await listenHttp(
      (_req, res) => res.end('ok'),
      { host: '127.0.0.1', port: 0 },
      { headersMs: 50, requestMs: 100, checkMs: 10 },
    );
    const sockets = Array.from({ length: 100 }, () => connect(slow.port, '127.0.0.1'));
    const closed = sockets.map(async (socket, index) => {
      socket.on('error', () => {});
      socket.write(
        index % 2 === 0 ? 'GET / HTTP/1.1\r\nHo' : 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx',
      );
      socket.resume();
      await once(socket, 'close');
    });
    expect(await (await fetch(`http://127.0.0.1:${slow.port}/`)).text()).toBe('ok');
    await Promise.all(closed);
    await slow.close(0);
  });

  test('slow requests have their limits', () => {
    expect(door.server.headersTimeout).toBe(5_000);
    expect(door.server.requestTimeout).toBe(10_000);
  });

  test('garbage is 400', async () => {
    expect(await raw('\x16\x03\x01\x02\x00\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('an address in use is said in words', async () => {
    await expect(listenHttp(() => {}, { host: '127.0.0.1', port: door.port })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `cannot listen on 127.0.0.1:${door.port}: the address is in use`,
    });
  });

  test('closing twice is closing once', async () => {
    await Promise.all([door.close(0), door.close(0)]);
    await expect(fetch(base)).rejects.toThrow();
  });
});

test('whatever is asked, nothing breaks and every refusal is a problem with a code', async () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'whip',
      'whep',
      'publish',
      'cam',
      '..',
      '%2e%2e',
      '%zz',
      '%00',
      '',
      'secret-1',
      'reader.js',
      '~',
      'é',
    ),
    fc.stringMatching(/^[!-~]{1,8}$/),
  );
  const requests = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'PUT', 'TRACE'),
    path: fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
    type: fc.constantFrom('application/sdp', FRAGMENT, 'text/plain', ';;;', ''),
    body: fc.oneof(fc.constant(''), fc.constant(OFFER), fc.constant(fragment('zzzz')), fc.string()),
  });
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, path, type, body }) => {
      const target = encodeURI(path).replaceAll('%25', '%');
      const length = Buffer.byteLength(body);
      const head = `${method} ${target} HTTP/1.1\r\nHost: h\r\nContent-Type: ${type}\r\nContent-Length: ${length}`;
      const answer = await raw(`${head}\r\nConnection: close\r\n\r\n${Buffer.from(body).toString('latin1')}`);
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status, answer).toBeLessThan(500);
      if (status >= 400 && method !== 'HEAD') expect(answer).toMatch(/"code":"[A-Z_]+"/);
    }),
    { numRuns: 300 },
  );
});

/** What comes back for bytes that fetch would not send. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(door.port, '127.0.0.1');
  socket.end(bytes, 'latin1');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}
