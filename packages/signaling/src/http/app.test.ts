import { expect, test } from 'vitest';
import { pathInfo } from '../../test/fake-media.ts';
import { startApp } from '../../test/test-app.ts';

test('every route about a path asks the one authoriser', async () => {
  const asked: string[] = [];
  const app = await startApp({
    authorise: async ({ action, path }) => {
      asked.push(`${action} ${path}`);
      return { allowed: false, code: 'FORBIDDEN', reason: 'no' };
    },
  });
  const routes: [string, string, string][] = [
    ['POST', '/cam/whip', 'publish cam'],
    ['GET', '/cam/whip', 'publish cam'],
    ['POST', '/cam/whep', 'read cam'],
    ['HEAD', '/cam/whep', 'read cam'],
    ['GET', '/cam/', 'read cam'],
    ['GET', '/cam/publish', 'publish cam'],
  ];
  for (const [method, path, expected] of routes) {
    const response = await fetch(app.base + path, { method });
    expect([response.status, asked.pop()], `${method} ${path}`).toEqual([403, expected]);
  }
  // A session's URL is its own key; one that nobody was given opens nothing.
  for (const method of ['PATCH', 'DELETE', 'GET']) {
    expect([method, (await fetch(`${app.base}/cam/whep/s`, { method })).status]).toEqual([method, 404]);
  }
  app.media.infos = [pathInfo('hidden')];
  expect(await (await fetch(`${app.base}/`)).text()).not.toContain('hidden');
  await app.close();
});

test('without credentials where some are wanted: 401 and how to log in', async () => {
  const app = await startApp({
    authorise: async () => ({ allowed: false, code: 'UNAUTHENTICATED', reason: 'who are you' }),
  });
  const response = await fetch(`${app.base}/cam/whep`, { method: 'POST' });
  expect(response.status).toBe(401);
  expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="shardcast"');
  await app.close();
});
