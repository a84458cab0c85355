import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { authorise } from '../../test/default-authorise.ts';
import { FakeMedia, pathInfo, shardView } from '../../test/fake-media.ts';
import { testMonitoring } from '../../test/test-observer.ts';
import { type HttpDoor, listenHttp } from '../http/server.ts';
import type { Observer } from '../monitor/observer.ts';
import type { SessionInfo } from '../paths/media.ts';
import { createApiApp } from './app.ts';

let media: FakeMedia;
let door: HttpDoor;
let observer: Observer;
let kicked: string[] = [];
let recycled: number[] = [];
let optimised: [number, unknown][] = [];

const session = (id: string, kind: SessionInfo['kind'], path = 'cam'): SessionInfo => ({
  id,
  kind,
  path,
  state: 'connected',
  worker: 0,
  createdAt: new Date('2026-01-02T03:04:05Z'),
  remoteAddr: '192.0.2.1',
});

beforeEach(async () => {
  media = new FakeMedia();
  kicked = [];
  recycled = [];
  const views = [shardView(0), shardView(1, { state: 'restarting', restarts: 2, fastPath: undefined })];
  const shards = () => views;
  const monitoring = testMonitoring(media, shards);
  observer = monitoring.observer;
  optimised = [];
  const app = createApiApp({
    media,
    shards,
    ...monitoring,
    authorise,
    log: pino({ level: 'silent' }),
    version: '1.2.3',
    checkAnswers: true,
    diagnosis: () => ({ cacheMaxAgeMs: 10_000, nack: false }),
    startedAt: new Date('2026-01-02T03:04:05Z'),
    kick: async (id) => {
      kicked.push(id);
      return true;
    },
    optimise: async (worker, own) => {
      if (worker < 2) optimised.push([worker, own]);
      return worker < 2;
    },
    recycle: async (worker) => {
      recycled.push(worker);
      return worker < 2;
    },
  });
  door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
});
afterEach(() => door.close(0));

const call = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${door.port}${path}`, init);
const get = async (path: string): Promise<unknown> => (await call(path)).json();

test('info', async () => {
  expect(await get('/v3/info')).toEqual({ version: '1.2.3', started: '2026-01-02T03:04:05.000Z' });
});

test('CSRF: another site’s page changes and starts nothing, whatever password its browser adds', async () => {
  const Authorization = `Basic ${Buffer.from('admin:right').toString('base64')}`;
  const headers = { Authorization, Origin: 'http://localhost:3000', 'Content-Type': 'text/plain' };
  const response = await call('/v3/workers/0/recycle', { method: 'POST', headers });
  expect(response.status).toBe(403);
  expect((await call('/v3/info', { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status).toBe(403);
  expect(recycled).toEqual([]);
});

test('a path in MediaMTX’s shape, with what we know besides', async () => {
  media.infos = [
    pathInfo('live/cam', {
      source: { type: 'rtsp-pull' },
      readers: 2,
      tracks: [
        { kind: 'video', codec: 'H264', clockRate: 90_000 },
        { kind: 'audio', codec: 'OPUS', clockRate: 48_000 },
        { kind: 'audio', codec: 'MPEG4-GENERIC', clockRate: 48_000, skipped: 'browsers do not play AAC' },
      ],
    }),
  ];
  media.sessionInfos = [session('v1', 'whep', 'live/cam'), session('v2', 'whep', 'other')];
  const path = {
    name: 'live/cam',
    confName: 'all_others',
    source: { type: 'rtspSource', id: '' },
    ready: true,
    readyTime: '2026-01-02T03:04:05.000Z',
    online: true,
    onlineTime: '2026-01-02T03:04:05.000Z',
    tracks: ['H264', 'Opus'],
    bytesReceived: 0,
    bytesSent: 0,
    readers: [{ type: 'webRTCSession', id: 'v1' }],
    readerCount: 2,
    reason: null,
    skippedTracks: [{ kind: 'audio', codec: 'MPEG4-GENERIC', clockRate: 48_000, skipped: 'browsers do not play AAC' }],
    worker: 0,
    stats: null,
  };
  expect(await get('/v3/paths/list')).toEqual({ itemCount: 1, pageCount: 1, items: [path] });
  expect(await get('/v3/paths/get/live/cam')).toEqual(path);
  expect(await get('/v3/paths/get/live%2Fcam')).toEqual(path);
});

test('a path without a source says why', async () => {
  media.infos = [
    pathInfo('cam', {
      online: false,
      source: undefined,
      onlineSince: undefined,
      worker: undefined,
      slot: undefined,
      reason: 'no route to host',
    }),
  ];
  expect(await get('/v3/paths/get/cam')).toMatchObject({
    source: null,
    ready: false,
    readyTime: null,
    reason: 'no route to host',
    worker: null,
  });
});

test('unknown paths and routes are 404', async () => {
  const response = await call('/v3/paths/get/nope');
  expect([response.status, await response.json()]).toMatchObject([404, { code: 'PATH_NOT_FOUND' }]);
  expect((await call('/v3/nope')).status).toBe(404);
  expect((await call('/')).status).toBe(404);
  expect((await call('/v3/paths/get/%zz')).status).toBe(400);
});

test('a camera is examined', async () => {
  media.infos = [pathInfo('live/cam')];
  media.facts = {
    tracks: [
      {
        kind: 'video',
        codec: 'H264',
        clockRate: 90_000,
        profileIdc: 100,
        constraintFlags: 0,
        levelIdc: 40,
        width: 1920,
        height: 1080,
        declaredFramesPerSecond: 25,
        framesPerSecond: 24.999_9,
        bitsPerSecond: 4_000_000.4,
        reorderedShare: 0,
        lostShare: 0,
        keyframeIntervalSeconds: 2,
        secondsSinceKeyframe: 0.5,
        framesPerKeyframe: 50,
        keyframes: 5,
        keyframesWithParameterSets: 4,
        hasParameterSets: true,
        jitterMs: 1.234_5,
        clockDriftPpm: null,
      },
    ],
  };
  expect(await get('/v3/paths/doctor/live/cam')).toMatchObject({
    name: 'live/cam',
    online: true,
    tracks: [
      {
        profile: 'High',
        level: '4.0',
        framesPerSecond: 25,
        bitsPerSecond: 4_000_000,
        bFrames: false,
        parameterSets: 'elsewhere',
        jitterMs: 1.23,
        clockDriftPpm: null,
      },
    ],
    findings: [],
  });
  expect((await call('/v3/paths/doctor/nope')).status).toBe(404);
});

describe('pages', () => {
  beforeEach(() => {
    media.infos = Array.from({ length: 250 }, (_, index) => pathInfo(`cam${String(index).padStart(3, '0')}`));
  });
  const names = async (query: string) => {
    const page = await get(`/v3/paths/list${query}`);
    expect(page).toMatchObject({ itemCount: 250, items: expect.any(Array) });
    return page;
  };

  test('are of a hundred unless asked otherwise', async () => {
    expect(await names('')).toMatchObject({ pageCount: 3 });
    expect(await names('?page=2')).toMatchObject({ items: { length: 50, 0: { name: 'cam200' } } });
    expect(await names('?page=1&itemsPerPage=10')).toMatchObject({
      pageCount: 25,
      items: { length: 10, 0: { name: 'cam010' } },
    });
    expect(await names('?page=99')).toMatchObject({ items: [] });
  });

  test('refuse what is no number', async () => {
    for (const query of ['page=-1', 'page=x', 'itemsPerPage=0', 'itemsPerPage=1001', 'page=1&page=2', 'page=1.5'])
      expect((await call(`/v3/paths/list?${query}`)).status, query).toBe(400);
  });
});

describe('sessions', () => {
  beforeEach(() => {
    media.sessionInfos = [session('a', 'whip'), session('b', 'whep'), session('c', 'rtsp-push')];
  });

  test('are listed by protocol', async () => {
    expect(await get('/v3/webrtcsessions/list')).toMatchObject({
      itemCount: 2,
      items: [
        { id: 'a', state: 'publish' },
        { id: 'b', state: 'read' },
      ],
    });
    expect(await get('/v3/rtspsessions/list')).toMatchObject({ itemCount: 1, items: [{ id: 'c', state: 'publish' }] });
    expect(await get('/v3/webrtcsessions/get/b')).toEqual({
      id: 'b',
      created: '2026-01-02T03:04:05.000Z',
      remoteAddr: '192.0.2.1',
      state: 'read',
      path: 'cam',
      peerConnectionEstablished: true,
      worker: 0,
    });
  });

  test('are kicked by POST, each under its protocol', async () => {
    expect((await call('/v3/webrtcsessions/kick/b', { method: 'POST' })).status).toBe(200);
    expect((await call('/v3/rtspsessions/kick/b', { method: 'POST' })).status).toBe(404);
    expect((await call('/v3/webrtcsessions/kick/zzz', { method: 'POST' })).status).toBe(404);
    const viaGet = await call('/v3/webrtcsessions/kick/b');
    expect([viaGet.status, viaGet.headers.get('Allow')]).toEqual([405, 'POST']);
    expect(kicked).toEqual(['b']);
  });
});

test('where a path lives is explained', async () => {
  media.placements.set('cam', {
    worker: 1,
    placed: { reason: 'first by hash', ageMs: 61_400 },
    now: {
      worker: 1,
      reason: 'it is there already',
      bound: 0.2,
      candidates: [
        { worker: 1, score: 9, load: 0.3 },
        { worker: 0, score: 5, load: 0.1 },
      ],
    },
  });
  media.placements.set('idle', { worker: undefined, placed: undefined, now: undefined });
  expect(await get('/v3/placement/explain/cam')).toEqual({
    path: 'cam',
    worker: 1,
    reason: 'first by hash',
    ageSeconds: 61,
    bound: 0.2,
    candidates: [
      { worker: 1, score: 9, load: 0.3, fits: false },
      { worker: 0, score: 5, load: 0.1, fits: true },
    ],
    wouldGoTo: 0,
  });
  expect(await get('/v3/placement/explain/idle')).toMatchObject({ reason: 'no worker takes streams now' });
  expect((await call('/v3/placement/explain/zz')).status).toBe(404);
});

describe('workers', () => {
  test('are listed', async () => {
    expect(await get('/v3/workers/list')).toMatchObject({
      itemCount: 2,
      items: [
        { id: 0, state: 'up', fastPath: 'portable', udpPort: 8189 },
        { id: 1, state: 'restarting', restarts: 2, fastPath: null },
      ],
    });
  });

  test('are recycled by POST', async () => {
    expect((await call('/v3/workers/1/recycle', { method: 'POST' })).status).toBe(200);
    expect((await call('/v3/workers/9/recycle', { method: 'POST' })).status).toBe(404);
    expect((await call('/v3/workers/x/recycle', { method: 'POST' })).status).toBe(404);
    expect((await call('/v3/workers/1/recycle')).status).toBe(405);
    expect(recycled).toEqual([1, 9]);
  });

  test('may have settings of their own', async () => {
    const body = (value: unknown) => ({ method: 'POST', body: JSON.stringify(value) });
    expect((await call('/v3/workers/1/optimisations', body({ nack: 'on' }))).status).toBe(200);
    expect((await call('/v3/workers/0/optimisations', body({}))).status).toBe(200);
    expect((await call('/v3/workers/9/optimisations', body({ nack: 'on' }))).status).toBe(404);
    expect((await call('/v3/workers/0/optimisations', body({ rtspAddress: ':1' }))).status).toBe(400);
    expect(optimised).toEqual([
      [1, { nack: 'on' }],
      [0, {}],
    ]);
  });
});

describe('its description', () => {
  test('has every operation that there is, each with an answer and a name of its own', async () => {
    const document = (await get('/v3/openapi.json')) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
    };
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { responses } of operations) expect(Object.keys(responses)).toContain('200');
    expect(document.paths['/v3/paths/list']).toMatchObject({
      get: {
        parameters: [
          { in: 'query', name: 'page', schema: { type: 'integer', minimum: 0 } },
          { in: 'query', name: 'itemsPerPage', schema: { type: 'integer', minimum: 1, maximum: 1000 } },
        ],
        responses: {
          '200': {
            content: {
              'application/json': {
                schema: { properties: { items: { items: { $ref: '#/components/schemas/Path' } } } },
              },
            },
          },
        },
      },
    });
    expect(document.paths['/v3/paths/get/{name}']).toMatchObject({
      get: { parameters: [{ in: 'path', name: 'name', required: true }] },
    });
  });

  test('has a page that loads nothing from elsewhere and runs no script but ours', async () => {
    const page = await call('/docs/');
    expect(page.headers.get('Content-Security-Policy')).toMatch(/default-src 'none'; script-src 'self';/);
    const html = await page.text();
    expect(html).not.toMatch(/https?:/);
    for (const [, file = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const asset = await call(`/docs/${file}`);
      expect([file, asset.status, asset.headers.get('Content-Type')]).toEqual([
        file,
        200,
        expect.stringMatching(/javascript|css/),
      ]);
    }
    const bare = await call('/docs', { redirect: 'manual' });
    expect([bare.status, bare.headers.get('Location')]).toEqual([302, 'docs/']);
  });
});

test('only this host is answered: no proxies, no pages from elsewhere, no borrowed names', async () => {
  for (const headers of [
    { 'X-Forwarded-For': '127.0.0.1' },
    { Origin: 'https://evil.example' },
    { Forwarded: 'for=127.0.0.1' },
  ])
    expect((await call('/v3/info', { headers })).status).toBe(403);
});

test('the overview says how the process is, unknown figures as null', async () => {
  expect(await get('/v3/overview')).toMatchObject({
    workers: 2,
    limits: { cores: 2 },
    alarms: { pending: 0, firing: 0 },
    cpuCores: null,
  });
  observer.sample();
  expect(await get('/v3/overview')).toMatchObject({ rssBytes: 100e6, streams: 0, fileDescriptors: 40, cpuCores: null });
});

test('the history has what was asked for, and nothing of paths that are not known', async () => {
  observer.sample();
  expect(await get('/v3/history?step=10s&series=viewers')).toEqual({
    stepSeconds: 10,
    times: [],
    series: { viewers: [] },
  });
  expect(await get('/v3/history?window=1h')).toMatchObject({ stepSeconds: 10 });
  for (const query of ['step=5s', 'window=yes', 'window=1h&window=2h'])
    expect((await call(`/v3/history?${query}`)).status).toBe(400);
  expect((await call('/v3/history?path=nobody')).status).toBe(404);
});

test('alarms are listed with what to do, and their rules with what is in force', async () => {
  expect(await get('/v3/alarms')).toEqual({ itemCount: 0, pageCount: 0, items: [] });
  observer.sample();
  expect(await get('/v3/alarms')).toMatchObject({
    itemCount: 1,
    items: [{ id: 'WorkerDown/1', state: 'pending', severity: 'critical', firingSince: null, labels: { worker: '1' } }],
  });
  const { items } = (await get('/v3/alarms/rules')) as {
    items: { name: string; threshold: number; forSeconds: number }[];
  };
  expect(items.find(({ name }) => name === 'CpuHigh')).toMatchObject({
    threshold: 0.7,
    forSeconds: 300,
    advice: expect.stringMatching(/^scale out/),
  });
});

test('the capacity says how much more fits, from what it costs', async () => {
  observer.sample();
  expect(await get('/v3/capacity')).toMatchObject({
    cost: { basis: 'typical' },
    room: { limitedBy: { streams: expect.any(String) } },
    limits: expect.arrayContaining([expect.objectContaining({ resource: 'cpu', total: 2, usable: 1.4 })]),
  });
});
