import { ShardcastError } from '@shardcast/shared';
import { type ConfigChange, ConfigSchema } from '@shardcast/shared/config';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authorise } from '../../test/default-authorise.ts';
import { FakeMedia } from '../../test/fake-media.ts';
import { testMonitoring } from '../../test/test-observer.ts';
import { type HttpDoor, listenHttp } from '../http/server.ts';
import { createApiApp } from './app.ts';

const EFFECTS = { summary: 'disturbs nothing', paths: [], atWorkerStart: [], atServerStart: [] };
const CONFIG = ConfigSchema.parse({
  pathDefaults: { maxReaders: 4 },
  paths: { all_others: {}, 'live/b': {}, a: { source: 'rtsp://u:secret@192.0.2.1/1' } },
});

let door: HttpDoor;
let changes: [ConfigChange, boolean][];
let failure: ShardcastError | undefined;
beforeEach(async () => {
  changes = [];
  failure = undefined;
  const media = new FakeMedia();
  const shards = () => [];
  const app = createApiApp({
    media,
    shards,
    ...testMonitoring(media, shards),
    authorise,
    log: pino({ level: 'silent' }),
    version: '1',
    checkAnswers: true,
    startedAt: new Date(0),
    kick: async () => false,
    recycle: async () => false,
    configStore: {
      config: CONFIG,
      async change(change, dryRun) {
        if (failure !== undefined) throw failure;
        changes.push([change, dryRun]);
        return EFFECTS;
      },
    },
  });
  door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
});
afterEach(() => door.close(0));

const call = async (method: string, path: string, body?: string) => {
  const response = await fetch(`http://127.0.0.1:${door.port}/v3/config/${path}`, {
    method,
    ...(body === undefined ? {} : { body }),
  });
  return [response.status, await response.json()] as const;
};

test('settings are shown as they are written, complete and without secrets', async () => {
  const [, global] = await call('GET', 'global/get');
  expect(global).toMatchObject({ rtcpInterval: '3s', nack: false });
  expect(global).not.toHaveProperty('paths');
  expect((await call('GET', 'pathdefaults/get'))[1]).toMatchObject({ maxReaders: 4, source: 'publisher' });
  expect(await call('GET', 'paths/list')).toMatchObject([
    200,
    {
      itemCount: 3,
      items: [
        { name: 'a', source: 'rtsp://***@192.0.2.1/1', maxReaders: 4 },
        { name: 'live/b' },
        { name: 'all_others' },
      ],
    },
  ]);
  expect(await call('GET', 'paths/get/live/b')).toMatchObject([200, { name: 'live/b', maxReaders: 4 }]);
  expect(await call('GET', 'paths/get/zz')).toMatchObject([404, { code: 'SETTING_NOT_FOUND' }]);
});

test('each operation is the change that it says', async () => {
  const value = { maxReaders: 3 };
  const body = JSON.stringify(value);
  for (const [method, path] of [
    ['PATCH', 'global/patch'],
    ['PATCH', 'pathdefaults/patch?dryRun=true'],
    ['POST', 'paths/add/live/x'],
    ['PATCH', 'paths/patch/live%2Fx'],
    ['POST', 'paths/replace/~%5Ex'],
    ['DELETE', 'paths/delete/live/x?dryRun=true'],
  ] as const)
    expect(await call(method, path, method === 'DELETE' ? undefined : body)).toEqual([
      200,
      { status: 'ok', effects: EFFECTS },
    ]);
  expect(changes).toEqual([
    [{ op: 'patch-global', value }, false],
    [{ op: 'patch-path-defaults', value }, true],
    [{ op: 'add-path', name: 'live/x', value }, false],
    [{ op: 'patch-path', name: 'live/x', value }, false],
    [{ op: 'replace-path', name: '~^x', value }, false],
    [{ op: 'delete-path', name: 'live/x' }, true],
  ]);
});

test('a path may be added without settings', async () => {
  expect((await call('POST', 'paths/add/x'))[0]).toBe(200);
  expect(changes).toEqual([[{ op: 'add-path', name: 'x', value: {} }, false]]);
});

test.for(['{', '[1]', '"x"', '3'])('a body such as %s is refused', async (body) => {
  expect(await call('POST', 'paths/add/x', body)).toMatchObject([400, { code: 'BAD_REQUEST' }]);
  expect(changes).toEqual([]);
});

test('a body of more than 64 KiB is refused', async () => {
  const [status] = await call('POST', 'paths/add/x', JSON.stringify({ source: 'x'.repeat(65_536) }));
  expect(status).toBe(413);
});

test('what cannot be done says why', async () => {
  failure = new ShardcastError('SETTING_INVALID', 'nack: expected on or off');
  expect(await call('PATCH', 'global/patch', '{"nack":"maybe"}')).toMatchObject([
    400,
    { code: 'SETTING_INVALID', error: 'nack: expected on or off' },
  ]);
  expect((await call('PATCH', 'global/patch?dryRun=perhaps', '{}'))[0]).toBe(400);
  expect((await call('POST', 'global/patch', '{}'))[0]).toBe(405);
});

test('every setting that is shown has a meaning', async () => {
  const [, { global, path }] = await call('GET', 'keys');
  const [, settings] = await call('GET', 'global/get');
  const [, defaults] = await call('GET', 'pathdefaults/get');
  for (const [shown, meanings] of [
    [settings, global],
    [defaults, path],
  ]) {
    expect(Object.keys(shown).length).toBeGreaterThan(5);
    for (const key of Object.keys(shown)) expect(meanings[key]?.description, key).toMatch(/\w{3}/);
  }
});
