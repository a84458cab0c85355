import { ShardcastError } from '@shardcast/shared';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CAMERA, from, NO_LIMITS, rules, settled, TestPaths } from '../../test/test-paths.ts';
import type { PathRules } from './path-rules.ts';

const START_MS = 8000;
const CLOSE_MS = 5000;
const ON_DEMAND = { source: CAMERA, onDemand: { startTimeoutMs: START_MS, closeAfterMs: CLOSE_MS } };

let t: TestPaths;
function begin(options: ConstructorParameters<typeof TestPaths>[0] = {}): void {
  t = new TestPaths({ workers: 1, paths: rules({ cam: ON_DEMAND }), ...options });
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  t.manager.stop();
  vi.useRealTimers();
});

async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 500) {
    t.nowMs += 500;
    vi.advanceTimersByTime(500);
    await settled();
  }
}
const opened = () => t.shard(0).requests.filter(({ type }) => type === 'open-source').length;
const code = (expected: string) => expect.objectContaining({ code: expected });

/** A viewer that saw the source start. @returns its session */
async function firstViewer(): Promise<string> {
  const watching = t.watch('cam');
  await settled();
  t.shard(0).online('cam', 'rtsp-pull');
  return (await watching).session;
}

test('nobody watches: the source is not opened, and that is said', async () => {
  begin();
  await pass(30_000);
  expect(opened()).toBe(0);
  expect(t.manager.path('cam')).toMatchObject({
    online: false,
    reason: 'its source is opened when somebody watches',
    worker: undefined,
  });
});

test('the first viewer opens it and waits, and those who come meanwhile wait for the same start', async () => {
  begin();
  const watching = [t.watch('cam'), t.watch('cam')];
  await pass(3000);
  expect(opened()).toBe(1);
  t.shard(0).online('cam', 'rtsp-pull');
  await Promise.all(watching);
  expect(t.manager.path('cam')).toMatchObject({ online: true, readers: 2 });
  await t.watch('cam');
  expect(opened()).toBe(1);
});

test('it stays while somebody watches, is closed so long after the last, and is opened again for the next', async () => {
  begin();
  const session = await firstViewer();
  await pass(60_000);
  expect(t.manager.path('cam')?.online).toBe(true);
  await t.manager.closeSession('whep', 'cam', session);
  await pass(CLOSE_MS - 1500);
  expect(t.manager.path('cam')?.online).toBe(true);
  await pass(3000);
  expect(t.shard(0).streams.size).toBe(0);
  expect(t.events.at(-1)).toEqual({ type: 'offline', path: 'cam', reason: 'nobody watches' });
  await pass(30_000);
  expect(opened()).toBe(1);
  await firstViewer();
  expect(opened()).toBe(2);
  expect(t.shard(0).highestStream).toBe(0);
});

test('a source that does not come is given up when its viewers have waited long enough', async () => {
  begin();
  const watching = expect(t.watch('cam')).rejects.toEqual(code('STREAM_NOT_READY'));
  await settled();
  t.shard(0).offline('cam', 'connect ECONNREFUSED');
  await pass(START_MS + 1000);
  await watching;
  expect(t.shard(0).streams.size).toBe(0);
  await pass(60_000);
  expect(opened()).toBe(1);
});

test('one that its worker refuses is told to the viewer at once', async () => {
  begin();
  t.shard(0).failures.set('cam', new ShardcastError('CONFIG_INVALID', 'no such file'));
  await expect(t.watch('cam')).rejects.toThrow('no such file');
});

test('after its worker was lost it is opened again while it is wanted, and not after that', async () => {
  begin();
  const session = await firstViewer();
  await pass(1000);
  t.lose(0);
  t.come(0);
  await pass(1000);
  expect(opened()).toBe(2);
  t.shard(0).online('cam', 'rtsp-pull');
  await expect(t.manager.closeSession('whep', 'cam', session)).rejects.toEqual(code('SESSION_NOT_FOUND'));
  await pass(START_MS + CLOSE_MS);
  expect(t.shard(0).streams.size).toBe(0);
  t.lose(0);
  t.come(0);
  await pass(30_000);
  expect(opened()).toBe(2);
  expect(t.manager.path('cam')).toMatchObject({ online: false, worker: undefined });
});

test('who may not watch opens nothing', async () => {
  begin({ limits: { ...NO_LIMITS, readersPerClient: 1 } });
  await firstViewer();
  await expect(t.watch('cam')).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
  begin({ limits: { ...NO_LIMITS, sessions: 1 }, paths: rules({ cam: ON_DEMAND, other: ON_DEMAND }) });
  await firstViewer();
  await expect(t.watch('other')).rejects.toEqual(code('TOO_MANY_SESSIONS'));
  expect(opened()).toBe(1);
});

test('the names that a pattern admits are opened each, and forgotten when nobody watches', async () => {
  const pattern: PathRules = {
    configured: [],
    resolve: (name) => ({ confName: '~^cam', maxReaders: 0, overridePublisher: true, ...ON_DEMAND, name }),
  };
  begin({ paths: pattern });
  const session = await firstViewer();
  const away = expect(t.watch('cam-away')).rejects.toEqual(code('STREAM_NOT_READY'));
  await pass(START_MS + 1500);
  await away;
  expect(t.manager.paths().map(({ name }) => name)).toEqual(['cam']);
  await t.manager.closeSession('whep', 'cam', session);
  await pass(CLOSE_MS + 1500);
  expect(t.manager.paths()).toEqual([]);
});

test('taken off the demand by the configuration it is opened at once; put on it, closed, and nobody who watches notices', async () => {
  begin({ paths: rules({ cam: { source: CAMERA } }) });
  await settled();
  t.shard(0).online('cam', 'rtsp-pull');
  const { session } = await t.manager.subscribe('cam', 'offer', from('192.0.2.2:2'));
  t.manager.reconfigure(rules({ cam: ON_DEMAND }));
  await pass(20_000);
  expect(t.manager.sessionTag('whep', 'cam', session)).toBeDefined();
  await t.manager.closeSession('whep', 'cam', session);
  await pass(CLOSE_MS + 1500);
  expect(t.manager.path('cam')?.online).toBe(false);
  t.manager.reconfigure(rules({ cam: { source: CAMERA } }));
  await settled();
  expect(opened()).toBe(2);
});
