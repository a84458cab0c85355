import { afterEach, expect, test } from 'vitest';
import { shardView } from '../../test/fake-media.ts';
import { startApp, type TestApp } from '../../test/test-app.ts';

let app: TestApp;
afterEach(() => app.close());

test('alive whatever the workers do', async () => {
  app = await startApp({ shards: () => [], state: () => 'draining' });
  const response = await fetch(`${app.base}/healthz`);
  expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
});

test('says by what packets are encrypted, and what the kernel takes off the media path', async () => {
  const fastPathDetail = { cipher: 'vaes', offload: 'gso' } as const;
  app = await startApp({ shards: () => [shardView(0, { fastPath: 'native', fastPathDetail })] });
  const health = await (await fetch(`${app.base}/healthz`)).json();
  expect(health).toEqual({ status: 'ok', fastPath: 'native', cipher: 'vaes', offload: 'gso', dtls: 'werift' });
});

test('ready when listening with a worker up', async () => {
  app = await startApp();
  expect(await (await fetch(`${app.base}/healthz`)).json()).toEqual({
    status: 'ok',
    fastPath: 'portable',
    dtls: 'werift',
  });
  const response = await fetch(`${app.base}/readyz`);
  expect([response.status, await response.json()]).toEqual([200, { status: 'ready', reasons: [] }]);
});

test('else not ready: 503 with the reasons', async () => {
  app = await startApp({ shards: () => [shardView(0, { state: 'restarting' })], state: () => 'draining' });
  const response = await fetch(`${app.base}/readyz`);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ status: 'not ready', reasons: ['draining', 'no worker is up'] });
});
