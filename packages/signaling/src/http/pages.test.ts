import { afterEach, beforeEach, expect, test } from 'vitest';
import { pathInfo } from '../../test/fake-media.ts';
import { problemOf, raw, startApp, type TestApp } from '../../test/test-app.ts';

let app: TestApp;
beforeEach(async () => {
  app = await startApp();
});
afterEach(() => app.close());

const get = (path: string) => fetch(app.base + path, { redirect: 'manual' });

test('a path without a slash leads to its player, query and all', async () => {
  const response = await get('/live/cam1?muted=false&token=x');
  expect([response.status, response.headers.get('Location')]).toEqual([302, '/live/cam1/?muted=false&token=x']);
});

test('a redirect never leads to another host', async () => {
  for (const path of ['//evil.example', '///evil.example', '/%2fevil.example', '/%5cevil.example', '/\\evil.example']) {
    const response = await raw(app.door.port, `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
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
  app.media.infos = [pathInfo('b'), pathInfo('a/c'), pathInfo('off', { online: false })];
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
  const response = await fetch(`${app.base}/cam1/`, { method: 'POST' });
  expect([response.status, response.headers.get('Allow')]).toEqual([405, 'GET, HEAD']);
});
