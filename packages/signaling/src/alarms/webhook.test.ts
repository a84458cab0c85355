import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Alarm } from './alarm-book.ts';
import { type AlertPayload, alertPayload, Webhook, type WebhookOptions } from './webhook.ts';

const isoTime = (ms: number) => new Date(ms).toISOString();
const alarm = (more: Partial<Alarm> = {}): Alarm => ({
  id: 'CameraLost/cam1',
  name: 'CameraLost',
  labels: { path: 'cam1' },
  value: 12,
  threshold: 10,
  detail: 'connection refused',
  state: 'firing',
  pendingSinceMs: 0,
  firingSinceMs: 10_000,
  resolvedAtMs: undefined,
  ...more,
});
const payload = alertPayload([alarm()], 'host', isoTime);

const hooks: Webhook[] = [];
afterEach(() => {
  for (const hook of hooks.splice(0)) hook.close();
});
const lines: Record<string, unknown>[] = [];
function webhook(answers: readonly (number | Error)[], more: Partial<WebhookOptions> = {}) {
  const sent: { url: string; init: RequestInit }[] = [];
  const pauses: number[] = [];
  lines.length = 0;
  const keep = (fields: object) => void lines.push({ ...fields });
  const hook = new Webhook({
    url: 'http://user:p%40ss@hooks.example/path?token=secret',
    timeoutMs: 1000,
    log: { error: keep, warn: keep, info: keep, debug: keep },
    post: async (url, init) => {
      sent.push({ url, init });
      const answer = answers[sent.length - 1] ?? 200;
      if (answer instanceof Error) throw answer;
      return { status: answer };
    },
    pause: async (ms) => void pauses.push(ms),
    ...more,
  });
  hooks.push(hook);
  return { hook, sent, pauses };
}

test("the payload is Alertmanager's, version 4", () => {
  const both = alertPayload(
    [alarm(), alarm({ id: 'CameraLost/cam2', labels: { path: 'cam2' }, state: 'resolved', resolvedAtMs: 60_000 })],
    'host',
    isoTime,
  );
  expect(both).toMatchObject({
    version: '4',
    status: 'firing',
    receiver: 'shardcast',
    truncatedAlerts: 0,
    commonLabels: { alertname: 'CameraLost', severity: 'critical', instance: 'host', job: 'shardcast' },
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'CameraLost', path: 'cam1' },
        startsAt: '1970-01-01T00:00:10.000Z',
        endsAt: '0001-01-01T00:00:00Z',
        fingerprint: /^[0-9a-f]{16}$/,
      },
      { status: 'resolved', endsAt: '1970-01-01T00:01:00.000Z' },
    ].map((alert) =>
      'fingerprint' in alert ? { ...alert, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) } : alert,
    ),
  });
  const [first, second] = both.alerts;
  expect(first?.fingerprint).not.toBe(second?.fingerprint);
  expect(first?.annotations['description']).toContain('connection refused');
  expect(alertPayload([alarm({ state: 'resolved' })], 'host', isoTime).status).toBe('resolved');
});

test('credentials of the URL go into a header, and neither they nor the query into the log', async () => {
  const { hook, sent } = webhook([400]);
  hook.send(payload);
  await hook.idle();
  expect(sent[0]?.url).toBe('http://hooks.example/path?token=secret');
  expect(sent[0]?.init.headers).toMatchObject({
    Authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
  });
  expect(JSON.stringify(lines)).not.toMatch(/secret|p@ss|p%40ss/);
  expect(lines).toHaveLength(1);
});

test('a receiver in trouble is asked again, further and further apart, five times in all', async () => {
  const { hook, sent, pauses } = webhook([500, new Error('refused'), 429, 503, 502]);
  hook.send(payload);
  await hook.idle();
  expect(sent).toHaveLength(5);
  expect(pauses).toEqual([1000, 5000, 30_000, 120_000]);
});

test('what it refuses for good is not sent again, and the next payload is', async () => {
  const { hook, sent, pauses } = webhook([404, 302, 200]);
  for (let count = 0; count < 3; count++) hook.send(payload);
  await hook.idle();
  expect(sent).toHaveLength(3);
  expect(sent[0]?.init.redirect).toBe('manual');
  expect(pauses).toEqual([]);
});

test('of what waits for a receiver that is down the newest hundred are kept', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const bodies: AlertPayload[] = [];
  const { hook } = webhook([], {
    post: async (_url, { body }) => {
      await gate;
      bodies.push(JSON.parse(String(body)));
      return { status: 200 };
    },
  });
  for (let count = 0; count < 150; count++) hook.send({ ...payload, groupKey: `${count}` } as AlertPayload);
  open();
  await hook.idle();
  expect(bodies.map(({ groupKey }) => Number(groupKey))).toEqual([0, ...Array.from({ length: 100 }, (_, i) => 50 + i)]);
});

test('a receiver that never answers is given up in time, and not heard after the end', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const hook: Webhook = new Webhook({
    url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
    timeoutMs: 20,
    log: { error() {}, warn: (fields: object) => void lines.push({ ...fields }), info() {}, debug() {} },
    pause: async () => hook.close(),
  });
  lines.length = 0;
  hook.send(payload);
  await hook.idle();
  expect(lines).toMatchObject([{ attempt: 1, reason: expect.stringContaining('timeout') }]);
  silent.closeAllConnections();
  silent.close();
});
