import { ConfigSchema } from '@shardcast/shared/config';
import type { Express } from 'express';
import { pino } from 'pino';
import { afterAll, expect, test } from 'vitest';
import { FakeMedia, OFFER, shardView } from '../../test/fake-media.ts';
import { testMonitoring } from '../../test/test-observer.ts';
import { createApiApp } from '../api/app.ts';
import type { Authorise } from '../auth/authorise.ts';
import { dashboard } from '../dashboard/routes.ts';
import { createMetricsApp } from '../metrics/app.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createProfilesApp } from '../profiles/app.ts';
import { createApp } from './app.ts';
import { type HttpDoor, listenHttp } from './server.ts';

/** Answers without asking who is there: they say nothing about streams, people or settings. */
const OPEN = new Set(['/healthz', '/readyz', '/ws', '/favicon.ico', '/']);
/** Opened by the secret in their URL: RFC 9725 §5. */
const BY_SECRET = ['PATCH /cam/whip/s', 'DELETE /cam/whep/s', 'GET /cam/whip/s'];
/** Handlers that look at the URL themselves, and what they answer to. One that is not here fails the test. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  whipWhepHandler: ['POST /cam/whip', 'POST /cam/whep', 'GET /cam/whep'],
  pagesHandler: ['GET /cam/', 'GET /cam/publish'],
};
const log = pino({ level: 'silent' });
const media = new FakeMedia();
const shards = () => [shardView(0)];
const asked: string[] = [];
const nobody: Authorise = async ({ action }) => {
  asked.push(action);
  return { allowed: false, code: 'UNAUTHENTICATED', reason: 'who are you?' };
};
const api = createApiApp({
  media,
  shards,
  ...testMonitoring(media, shards),
  authorise: nobody,
  log,
  version: '1',
  startedAt: new Date(0),
  kick: async () => true,
  recycle: async () => true,
  optimise: async () => true,
  diagnosis: () => ({ cacheMaxAgeMs: 0, nack: false }),
  configStore: {
    config: ConfigSchema.parse({}),
    change: () => Promise.reject(new Error('asked without a question')),
  },
});
const profiles = createProfilesApp({
  profiler: { cpu: async () => Buffer.of(), heap: async () => Buffer.of(), inspect: async () => [] },
  authorise: nobody,
  log,
});
const dashboardRouter = dashboard({
  authorise: nobody,
  files: { page: '<html></html>', assets: new Map() },
  api,
  profiles,
});
/** What lies under another router, and where. */
const MOUNTED = new Map<unknown, string>([
  [dashboardRouter, '/dashboard'],
  [api, '/api'],
]);
const APPS: Readonly<Record<string, Express>> = {
  web: createApp({
    media,
    config: { webrtcAllowOrigins: ['*'], webrtcTrustedProxies: [] },
    authorise: nobody,
    scripts: new Map([['reader.js', Buffer.from('')]]),
    log,
    shards,
    state: () => 'ready',
    dashboard: dashboardRouter,
  }),
  api,
  pprof: profiles,
  metrics: createMetricsApp({
    metrics: createMetrics({ shards, media, ...testMonitoring(media, shards) }),
    media,
    shards,
    authorise: nobody,
    log,
  }),
};

const doors: HttpDoor[] = [];
afterAll(() => Promise.all(doors.map((door) => door.close(0))));

type Layer = {
  readonly name: string;
  readonly handle: { readonly stack?: readonly Layer[]; readonly length: number };
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
};

/** They only let pass or not. */
const GATES = new Set(['askWho', 'trustedPeer', 'ownOriginOnly', 'noForeignPages']);

function layersOf(app: Express): readonly Layer[] {
  return (app as unknown as { router: { stack: readonly Layer[] } }).router.stack; // Express tells no types of it
}

/** `GET /v3/info` and the like, from the router's own table. */
function requestsOf(layers: readonly Layer[], prefix = ''): string[] {
  return layers.flatMap(({ name, handle, route }) => {
    if (GATES.has(name)) return [];
    if (route !== undefined) {
      const path = prefix + route.path.replaceAll(/[:*]\w+/g, '1');
      const methods = Object.keys(route.methods).filter((method) => !/^(?:_all|connect|trace|track)$/.test(method));
      return (methods.length === 0 || methods.length > 8 ? ['GET'] : methods).map(
        (method) => `${method.toUpperCase()} ${path}`,
      );
    }
    const within = prefix + (MOUNTED.get(handle) ?? '');
    if (handle.stack !== undefined) return requestsOf(handle.stack, within);
    if (Object.is(handle, api)) return requestsOf(layersOf(api), within);
    if (handle.length === 4) return []; // the last word on errors
    return (
      EXAMPLES[name] ??
      (name === 'notFound' ? [`GET ${prefix}/nothing/here`] : [`unknown handler ${name || 'without a name'}`])
    );
  });
}

test.for(Object.entries(APPS))(
  'every route of the %s listener asks who is there, or is known to be open',
  async ([name, app]) => {
    const requests = requestsOf(layersOf(app));
    expect(requests.length).toBeGreaterThan(1);
    if (name === 'web') expect(requests).toContain('POST /dashboard/api/v3/workers/1/recycle');
    const door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
    doors.push(door);
    for (const request of requests) {
      const [method = '', path = ''] = request.split(' ');
      expect(path, request).toMatch(/^\//);
      asked.length = 0;
      const response = await fetch(`http://127.0.0.1:${door.port}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          'Sec-Fetch-Site': 'same-origin',
          ...(method === 'POST' ? { 'Content-Type': 'application/sdp' } : {}),
        },
        ...(method === 'POST' ? { body: OFFER } : {}),
      });
      if (OPEN.has(path)) continue;
      if (name === 'web' && path === '/nothing/here') continue;
      expect([request, response.status, asked.length]).toEqual([request, 401, 1]);
    }
  },
);

test('the URL of a session is its key: nobody is asked, and a guess opens nothing', async () => {
  const app = APPS['web'];
  if (app === undefined) throw new Error('no such app');
  const door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
  doors.push(door);
  for (const request of BY_SECRET) {
    const [method = '', path = ''] = request.split(' ');
    const response = await fetch(`http://127.0.0.1:${door.port}${path}`, { method });
    expect([request, response.status]).toEqual([request, 404]);
  }
});
