import express from 'express';
import { pino } from 'pino';
import { afterAll, expect, test } from 'vitest';
import type { AccessRequest } from '../auth/access-request.ts';
import { ALLOWED, CREDENTIALS_NEEDED } from '../auth/authorise.ts';
import { problemHandler } from '../http/problem.ts';
import { type HttpDoor, listenHttp } from '../http/server.ts';
import type { DashboardFiles } from './files.ts';
import { dashboard } from './routes.ts';

const doors: HttpDoor[] = [];
afterAll(() => Promise.all(doors.map((door) => door.close(0))));

const FILES: DashboardFiles = {
  page: '<link href="./assets/a.css"><script src="./assets/a.js"></script>',
  assets: new Map([
    ['a.js', { type: 'text/javascript; charset=utf-8', body: Buffer.from('1'), gzip: Buffer.from([0x1f, 0x8b]) }],
  ]),
};

async function serve(files: DashboardFiles | undefined): Promise<string> {
  const app = express();
  const api = express();
  api.all('/v3/info', (req, res) => {
    res.json({ method: req.method });
  });
  const authorise = async ({ credentials }: AccessRequest) =>
    credentials?.token === 'wrong' ? CREDENTIALS_NEEDED : ALLOWED;
  app.use('/dashboard', dashboard({ authorise, files, api }));
  app.use((_req, res) => {
    res.status(418).end();
  });
  app.use(problemHandler(pino({ level: 'silent' })));
  const door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
  doors.push(door);
  return `http://127.0.0.1:${door.port}`;
}

test('the page may load nothing from elsewhere, hold nothing inline, and be framed by nobody', async () => {
  const url = await serve(FILES);
  const page = await fetch(`${url}/dashboard/`);
  expect(page.status).toBe(200);
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  expect((await fetch(`${url}/dashboard?jwt=x`, { redirect: 'manual' })).headers.get('location')).toBe(
    'dashboard/?jwt=x',
  );
});

test('a page that was opened with a token fetches its scripts with it, and nothing gets out of the attribute', async () => {
  const url = await serve(FILES);
  expect(await (await fetch(`${url}/dashboard/?jwt=a.b.c`)).text()).toContain('src="./assets/a.js?jwt=a.b.c"');
  const hostile = await (await fetch(`${url}/dashboard/?jwt=x%22'$&<script>`)).text();
  expect(hostile).not.toContain('<script>"');
  expect(hostile).toMatch(/src="\.\/assets\/a\.js\?jwt=x%22[^"]*"><\/script>$/);
  expect((await fetch(`${url}/dashboard/assets/a.js?jwt=wrong`)).status).toBe(401);
});

test('files are sent compressed to who takes it, and only those that were built', async () => {
  const url = await serve(FILES);
  const plain = await fetch(`${url}/dashboard/assets/a.js`, { headers: { 'Accept-Encoding': 'identity' } });
  expect([await plain.text(), plain.headers.get('content-encoding')]).toEqual(['1', null]);
  expect(plain.headers.get('cache-control')).toContain('immutable');
  const zipped = await fetch(`${url}/dashboard/assets/a.js`, { method: 'HEAD' });
  expect(zipped.headers.get('content-encoding')).toBe('gzip');
  for (const name of ['b.js', '..%2fpackage.json', '%2e%2e%2findex.html'])
    expect((await fetch(`${url}/dashboard/assets/${name}`)).status).toBe(418);
});

test('what it does not know goes on, for a stream may be called dashboard', async () => {
  const url = await serve(FILES);
  expect((await fetch(`${url}/dashboard/whep`, { method: 'POST' })).status).toBe(418);
});

test("the API is there for the dashboard's page, not for the pages of others", async () => {
  const url = await serve(FILES);
  const ask = async (method: string, site: string) =>
    (await fetch(`${url}/dashboard/api/v3/info`, { method, headers: { 'Sec-Fetch-Site': site } })).status;
  expect([await ask('GET', 'same-origin'), await ask('POST', 'same-origin')]).toEqual([200, 200]);
  expect([await ask('GET', 'cross-site'), await ask('POST', 'cross-site')]).toEqual([403, 403]);
  expect((await fetch(`${url}/dashboard/api/v3/info`, { method: 'POST' })).status).toBe(403);
});

test('a dashboard that is not built says so', async () => {
  const url = await serve(undefined);
  expect(await (await fetch(`${url}/dashboard/`)).text()).toContain('npm run build');
  expect((await fetch(`${url}/dashboard/assets/a.js`)).status).toBe(418);
});
