import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { accessTo } from '../../test/access.ts';
import { httpCredentials, rtspCredentials } from './credentials.ts';
import { HttpAuthority } from './http-authority.ts';

let server: Server;
let authority: HttpAuthority;
let asked: unknown[];
let answer = 200;
let errors: unknown[];
let nowMs = 0;

beforeEach(async () => {
  asked = [];
  errors = [];
  answer = 200;
  nowMs = 0;
  server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      asked.push(JSON.parse(Buffer.concat(parts).toString()));
      if (answer >= 300 && answer < 400) res.setHeader('Location', '/elsewhere');
      res.statusCode = answer;
      res.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  authority = new HttpAuthority({
    address: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/auth?key=secret`,
    exclude: [{ action: 'api', path: '' }],
    log: { error: (fields) => void errors.push(fields), warn() {}, info() {}, debug() {} },
    clock: () => nowMs,
  });
});
afterEach(() => server.close());

const request = accessTo({
  action: 'publish',
  path: 'cam',
  ip: '192.0.2.7',
  protocol: 'rtsp',
  query: 'key=1',
  userAgent: 'ffmpeg',
  credentials: rtspCredentials({ user: 'u', password: 'p', verify: () => false }, ''),
});

test('it is told what MediaMTX tells, and its status decides', async () => {
  expect((await authority.decide(request)).allowed).toBe(true);
  expect(asked).toEqual([
    {
      user: 'u',
      password: 'p',
      token: 'p',
      ip: '192.0.2.7',
      action: 'publish',
      path: 'cam',
      protocol: 'rtsp',
      id: null,
      query: 'key=1',
      userAgent: 'ffmpeg',
    },
  ]);
  answer = 204;
  expect((await authority.decide(request)).allowed).toBe(true);
  for (const status of [400, 401, 403, 404]) {
    answer = status;
    expect(await authority.decide(request)).toMatchObject({ allowed: false, code: 'UNAUTHENTICATED' });
  }
});

test('one that fails, redirects or is not there lets nobody in, and its address stays out of the log', async () => {
  for (const status of [500, 302]) {
    answer = status;
    expect(await authority.decide(request)).toMatchObject({ allowed: false, code: 'AUTH_UNAVAILABLE' });
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(await authority.decide(request)).toMatchObject({ allowed: false, code: 'AUTH_UNAVAILABLE' });
  expect(errors).toHaveLength(3);
  expect(JSON.stringify(errors)).not.toContain('secret');
});

test('it is not asked for what is excluded', async () => {
  expect((await authority.decide(accessTo({ action: 'api' }))).allowed).toBe(true);
  expect(await authority.decide(accessTo({ action: 'api', ip: '192.0.2.7' }))).toMatchObject({ code: 'FORBIDDEN' });
  expect(asked).toEqual([]);
});

test('lists are remembered for some seconds, sessions never', async () => {
  const credentials = httpCredentials('Bearer t', '');
  const listing = accessTo({ action: 'read', path: 'cam', credentials, isListing: true });
  for (let i = 0; i < 3; i++) await authority.decide(listing);
  expect(asked).toHaveLength(1);
  answer = 401;
  nowMs += 6000;
  expect((await authority.decide(listing)).allowed).toBe(false);
  await authority.decide({ ...listing, isListing: false });
  await authority.decide({ ...listing, isListing: false });
  expect(asked).toHaveLength(4);
});
