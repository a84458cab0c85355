import { once } from 'node:events';
import { request } from 'node:http';
import { ERROR_CODES, ShardcastError } from '@shardcast/shared';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ANSWER, OFFER } from '../../test/fake-media.ts';
import { problemOf, raw, startApp, type TestApp } from '../../test/test-app.ts';
import { HTTP_STATUS, retryAfterSeconds } from './problem.ts';

const FRAGMENT = 'application/trickle-ice-sdpfrag';

let app: TestApp;
beforeEach(async () => {
  app = await startApp();
});
afterEach(() => app.close());

const post = (path: string, body: BodyInit = OFFER, headers: Record<string, string> = {}) =>
  fetch(app.base + path, { method: 'POST', body, headers: { 'Content-Type': 'application/sdp', ...headers } });
const patch = (location: string, body: string, headers: Record<string, string> = {}) =>
  fetch(app.base + location, { method: 'PATCH', body, headers: { 'Content-Type': FRAGMENT, ...headers } });
const fragment = (ufrag: string) =>
  `a=ice-ufrag:${ufrag}\r\na=ice-pwd:clientpasswordclientpw\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n`;

async function opened(path = '/cam/whep'): Promise<string> {
  const location = (await post(path)).headers.get('Location');
  if (location === null) throw new Error('no Location');
  return location;
}

describe.each(['whip', 'whep'])('%s', (kind) => {
  test('POST answers 201 with the answer and where its session is', async () => {
    const response = await post(`/live/cam-1/${kind}`);
    expect(response.status).toBe(201);
    expect(response.headers.get('Content-Type')).toBe('application/sdp');
    expect(response.headers.get('Location')).toBe(`/live/cam-1/${kind}/secret-1`);
    expect(response.headers.get('ETag')).toBe('"tag1"');
    expect(response.headers.get('ID')).toMatch(/^public-\d+$/);
    expect(response.headers.get('Accept-Patch')).toBe(FRAGMENT);
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(response.headers.get('Access-Control-Expose-Headers')).toContain('Location, Link, ETag');
    expect(response.headers.has('X-Powered-By')).toBe(false);
    expect(await response.text()).toBe(ANSWER);
    expect(app.media.open.get('secret-1')).toMatchObject({ kind, path: 'live/cam-1' });
  });

  test('a content type with parameters is the same type', async () => {
    expect((await post(`/cam/${kind}`, OFFER, { 'Content-Type': 'Application/SDP; charset=utf-8' })).status).toBe(201);
  });

  test('a wrong or missing content type is 415', async () => {
    expect(await problemOf(await post(`/cam/${kind}`, OFFER, { 'Content-Type': 'text/plain' }))).toMatchObject({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    });
    expect((await fetch(`${app.base}/cam/${kind}`, { method: 'POST' })).status).toBe(415);
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
    const sent = request(`${app.base}/cam/${kind}`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' } });
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
    app.media.failures.set('cam', new ShardcastError(code, 'because'));
    const response = await post(`/cam/${kind}`);
    expect(response.status).toBe(HTTP_STATUS[code]);
    expect(response.headers.get('Retry-After')).toBe(retryAfterSeconds(code)?.toString() ?? null);
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(await problemOf(response)).toMatchObject({
      code,
      detail: HTTP_STATUS[code] === 500 ? 'internal error' : 'because',
    });
    const isForRoom = HTTP_STATUS[code] === 503 || HTTP_STATUS[code] === 429;
    expect(app.rejected).toEqual(isForRoom ? [code] : []);
  });

  test('OPTIONS says what may be done, for a preflight too', async () => {
    const response = await fetch(`${app.base}/cam/${kind}`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://a.example' },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('Accept-Post')).toBe('application/sdp');
    expect(response.headers.get('Allow')).toBe('OPTIONS, GET, HEAD, POST');
    expect(response.headers.get('Access-Control-Allow-Methods')).toContain('POST');
    expect(response.headers.get('Access-Control-Allow-Headers')).toContain('If-Match');
    const session = await fetch(`${app.base}/cam/${kind}/x`, { method: 'OPTIONS' });
    expect(session.headers.get('Access-Control-Allow-Methods')).toContain('PATCH, DELETE');
  });

  test('GET and HEAD on the endpoint tell that it is there', async () => {
    expect((await fetch(`${app.base}/cam/${kind}`)).status).toBe(204);
    const head = await fetch(`${app.base}/cam/${kind}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('Content-Type')]).toEqual([200, 'application/sdp']);
  });

  test('other methods are 405 with Allow', async () => {
    const endpoint = await fetch(`${app.base}/cam/${kind}`, { method: 'PUT' });
    expect([endpoint.status, endpoint.headers.get('Allow')]).toEqual([405, 'OPTIONS, GET, HEAD, POST']);
    const session = await fetch(app.base + (await opened(`/cam/${kind}`)), { method: 'POST' });
    expect([session.status, session.headers.get('Allow')]).toEqual([405, 'OPTIONS, GET, HEAD, PATCH, DELETE']);
  });

  test('DELETE is 200 once, then 404', async () => {
    const location = await opened(`/cam/${kind}`);
    expect((await fetch(app.base + location, { method: 'DELETE', headers: { 'If-Match': '"other"' } })).status).toBe(
      200,
    );
    expect(app.media.open.size).toBe(0);
    expect(await problemOf(await fetch(app.base + location, { method: 'DELETE' }))).toMatchObject({
      status: 404,
      code: 'SESSION_NOT_FOUND',
    });
  });

  test('a session is found under its own kind and path only', async () => {
    const location = await opened(`/cam/${kind}`);
    const secret = location.split('/').at(-1);
    const other = kind === 'whip' ? 'whep' : 'whip';
    for (const wrong of [`/cam2/${kind}/${secret}`, `/cam/${other}/${secret}`, `/cam/${kind}/${secret}/x`])
      expect((await fetch(app.base + wrong, { method: 'DELETE' })).status, wrong).toBe(404);
    expect(app.media.open.size).toBe(1);
  });

  test('GET on a session is 204 while it lives and 404 after', async () => {
    const location = await opened(`/cam/${kind}`);
    expect((await fetch(app.base + location)).status).toBe(204);
    app.media.open.clear();
    expect((await fetch(app.base + location)).status).toBe(404);
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
    expect(app.media.restarts).toEqual([]);
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
    expect(app.media.restarts).toEqual([{ ufrag: 'cliU2', pwd: 'clientpasswordclientpw' }]);
    expect((await patch(location, fragment('cliU2'))).status).toBe(204);
  });

  test('a failed restart leaves the session as it was, and may be tried again', async () => {
    const location = await opened();
    const { restartIce } = app.media;
    app.media.restartIce = () => Promise.reject(new ShardcastError('WORKER_LOST', 'gone'));
    expect((await patch(location, fragment('cliU2'))).status).toBe(503);
    app.media.restartIce = restartIce;
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
  app.media.gate = new Promise((resolve) => {
    release = resolve;
  });
  const sent = request(`${app.base}/cam/whep`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' } });
  sent.on('error', () => {});
  const [connection] = await Promise.all([once(app.door.server, 'connection'), sent.end(OFFER)]);
  await once(app.door.server, 'request').catch(() => {});
  sent.destroy();
  await once(connection[0], 'close');
  const closed = new Promise<void>((resolve) => {
    const { closeSession } = app.media;
    app.media.closeSession = async (...args) => {
      await closeSession.apply(app.media, args);
      resolve();
    };
  });
  release();
  await closed;
  expect(app.media.open.size).toBe(0);
});

describe('origins', () => {
  beforeEach(async () => {
    await app.close();
    app = await startApp({
      config: { webrtcAllowOrigins: ['https://a.example', 'https://*.b.example'], webrtcTrustedProxies: [] },
    });
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
      const answer = await raw(
        app.door.port,
        `${head}\r\nConnection: close\r\n\r\n${Buffer.from(body).toString('latin1')}`,
      );
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status, answer).toBeLessThan(500);
      if (status >= 400 && method !== 'HEAD') expect(answer).toMatch(/"code":"[A-Z_]+"/);
    }),
    { numRuns: 300, examples: [[{ method: 'GET', path: '//#@!', type: '', body: '' }]] },
  );
});
