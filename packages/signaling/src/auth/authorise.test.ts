import { expect, test } from 'vitest';
import { type AccessRequest, authorise } from './authorise.ts';

const request = (more: Partial<AccessRequest>): AccessRequest => ({
  action: 'api',
  path: undefined,
  ip: '127.0.0.1',
  protocol: 'http',
  ...more,
});
const allowed = async (more: Partial<AccessRequest>) => (await authorise(request(more))).allowed;
const http = { host: 'localhost:9997', origin: undefined, isForwarded: false };

test('everyone publishes and reads, from anywhere', async () => {
  for (const action of ['publish', 'read'] as const)
    expect(
      await allowed({ action, path: 'cam', ip: '203.0.113.9', http: { ...http, origin: 'https://x.example' } }),
    ).toBe(true);
});

test('API, metrics and profiles answer the same host only', async () => {
  for (const action of ['api', 'metrics', 'pprof'] as const) {
    for (const ip of ['127.0.0.1', '127.9.9.9', '::1']) expect(await allowed({ action, ip })).toBe(true);
    for (const ip of ['192.168.1.2', '::2', '', '127.0.0.1.evil.example', '10.127.0.1'])
      expect(await allowed({ action, ip }), ip).toBe(false);
  }
});

test('a local browser is no way in for pages from elsewhere', async () => {
  for (const host of ['localhost', 'localhost:9997', '127.0.0.1:9997', '[::1]:9997', undefined])
    expect(await allowed({ http: { ...http, host } }), host).toBe(true);
  for (const host of ['evil.example', 'localhost.evil.example', '192.0.2.1'])
    expect(await allowed({ http: { ...http, host } }), host).toBe(false);
  expect(await allowed({ http: { ...http, origin: 'http://localhost:8889' } })).toBe(true);
  for (const origin of ['https://evil.example', 'null', 'http://localhost@evil.example'])
    expect(await allowed({ http: { ...http, origin } }), origin).toBe(false);
});

test('what a proxy passes on is not local', async () => {
  expect(await allowed({ http: { ...http, isForwarded: true } })).toBe(false);
});
