import { MessageChannel } from 'node:worker_threads';
import { ShardcastError } from '@shardcast/shared';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CAMERA, from, GRACE_MS, HOLD_MS, rules, settled, TestPaths } from '../../test/test-paths.ts';

let t: TestPaths;
const begin = (options?: ConstructorParameters<typeof TestPaths>[0]) => {
  t = new TestPaths(options);
  return t;
};
const code = (expected: string) => expect.objectContaining({ code: expected });

/** The manager's timers only: promises and immediates run as ever. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  t.manager.stop();
  vi.useRealTimers();
});

/** Time goes by, with the manager's sweep. */
async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 500) {
    t.nowMs += 500;
    vi.advanceTimersByTime(500);
    await settled();
  }
}

describe('publishing', () => {
  test('a publisher gets an unguessable session, and viewers the same worker', async () => {
    begin();
    const publisher = await t.manager.publish('cam', 'offer', from('192.0.2.1:1'));
    expect(publisher.answer).toBe('answer to offer');
    expect(Buffer.from(publisher.session, 'base64url')).toHaveLength(16);
    t.home('cam').online('cam');
    expect(t.events).toEqual([{ type: 'online', path: 'cam', tracks: expect.any(Array) }]);

    const viewer = await t.watch('cam');
    expect(new Set([publisher.session, viewer.session, publisher.etag, viewer.etag]).size).toBe(4);
    expect([...t.home('cam').sessions.values()]).toEqual([
      { path: 'cam', slot: 0, kind: 'publish' },
      { path: 'cam', slot: 1, kind: 'subscribe' },
    ]);
    expect(t.manager.path('cam')).toMatchObject({
      online: true,
      readers: 1,
      confName: 'all_others',
      reason: undefined,
    });
    const ids = t.manager.sessions().map(({ id }) => id);
    expect(ids).toEqual([publisher.id, viewer.id]);
    expect(new Set([...ids, publisher.session, viewer.session]).size).toBe(4);
    expect(JSON.stringify(t.manager.sessions())).not.toContain(publisher.session);
  });

  test('a second publisher may take over, where the path does not say otherwise: the worker ends the first', async () => {
    begin();
    await t.live('cam');
    await t.manager.publish('cam', 'offer', from(''));
    expect(t.home('cam').overriding).toEqual(new Set(['cam']));
    expect(t.manager.path('cam')).toMatchObject({ online: true });
  });

  test('without overridePublisher a second is refused while the first is online, and welcome on the same worker after', async () => {
    begin({ paths: rules({ cam: { overridePublisher: false } }) });
    const session = await t.live('cam');
    const { worker, slot } = t.manager.path('cam') ?? {};
    await expect(t.manager.publish('cam', 'offer', from(''))).rejects.toEqual(code('PUBLISHER_EXISTS'));
    t.home('cam').offline('cam');
    t.home('cam').endSession(session);
    await t.live('cam');
    expect(t.manager.path('cam')).toMatchObject({ worker, slot, online: true });
  });

  test('a session ends with the authorisation that opened it, others stay', async () => {
    begin();
    await t.live('cam');
    const brief = await t.manager.subscribe('cam', 'offer', { ...from('192.0.2.9:9'), lifetimeMs: 5000 });
    await t.watch('cam');
    await pass(4000);
    expect(t.manager.sessions()).toHaveLength(3);
    await pass(2000);
    expect(t.manager.sessions().map(({ id }) => id)).not.toContain(brief.id);
    expect(t.manager.sessions()).toHaveLength(2);
    const closing = t.home('cam').requests.filter(({ type }) => type === 'close-session');
    expect(closing).toMatchObject([{ session: brief.session, reason: 'its authorisation expired' }]);
  });

  test('a path with a source of its own takes no publisher', async () => {
    begin({ paths: rules({ cam: { source: CAMERA } }) });
    await expect(t.manager.publish('cam', 'offer', from(''))).rejects.toEqual(code('PUBLISHER_EXISTS'));
    const { port1, port2 } = new MessageChannel();
    await expect(t.manager.adoptRtsp('cam', from(''), { type: 'relay', port: port2 })).rejects.toEqual(
      code('PUBLISHER_EXISTS'),
    );
    port1.close();
  });

  test('an RTSP publisher is a session without counters, ended by an operator like any other', async () => {
    begin();
    const { port1, port2 } = new MessageChannel();
    await t.manager.adoptRtsp('cam', from('192.0.2.3:3'), { type: 'relay', port: port2 });
    expect(t.manager.sessions()).toMatchObject([{ kind: 'rtsp-push', state: 'connected', remoteAddr: '192.0.2.3:3' }]);
    expect(await t.manager.kick(t.manager.sessions()[0]?.id ?? '')).toBe(true);
    expect(t.manager.sessions()).toEqual([]);
    expect(await t.manager.kick('unknown')).toBe(false);
    port1.close();
  });

  test('an offer that is refused leaves nothing behind', async () => {
    begin();
    for (const shard of t.shards) shard.failures.set('cam', new ShardcastError('SDP_UNACCEPTABLE', 'no codec'));
    await expect(t.manager.publish('cam', 'offer', from(''))).rejects.toEqual(code('SDP_UNACCEPTABLE'));
    await settled();
    expect(t.manager.paths()).toEqual([]);
    expect(t.manager.sessions()).toEqual([]);
    expect(t.shards.flatMap(({ streams }) => [...streams])).toEqual([]);
  });

  test('a publisher that never sends is forgotten with its path', async () => {
    begin();
    const { session } = await t.manager.publish('cam', 'offer', from(''));
    t.home('cam').endSession(session, 'no handshake in time');
    await settled();
    expect(t.manager.path('cam')).toBeUndefined();
    expect(t.shards.flatMap(({ streams }) => [...streams])).toEqual([]);
  });
});

describe('subscribing', () => {
  test('a name that is not admitted, one that nobody publishes, and one that is configured are told apart', async () => {
    begin({ paths: rules({ studio: {} }, { all: false }) });
    await expect(t.watch('other')).rejects.toEqual(code('PATH_NOT_FOUND'));
    await expect(t.watch('studio')).rejects.toEqual(code('STREAM_NOT_READY'));
    t.manager.stop();
    begin();
    await expect(t.watch('other')).rejects.toEqual(code('STREAM_NOT_FOUND'));
  });

  test('when the publisher left a moment ago viewers are told to try again, later that there is no such stream', async () => {
    begin();
    const session = await t.live('cam');
    t.home('cam').offline('cam');
    t.home('cam').endSession(session);
    await expect(t.watch('cam')).rejects.toEqual(code('STREAM_NOT_READY'));
    await pass(GRACE_MS + 1000);
    await expect(t.watch('cam')).rejects.toEqual(code('STREAM_NOT_FOUND'));
    expect(t.shards.flatMap(({ streams }) => [...streams])).toEqual([]);
  });

  test('a viewer that comes a moment before its stream is held until it is there', async () => {
    begin();
    await t.manager.publish('cam', 'offer', from(''));
    const viewer = t.watch('cam');
    await pass(500);
    t.home('cam').online('cam');
    await expect(viewer).resolves.toMatchObject({ answer: 'answer to offer' });
  });

  test('it is not held for longer than a source may take to start, nor for a camera that is away', async () => {
    begin({ paths: rules({ cam: { source: CAMERA } }) });
    await settled();
    const viewer = expect(t.watch('cam')).rejects.toEqual(code('STREAM_NOT_READY'));
    await pass(HOLD_MS);
    await viewer;
    const before = t.nowMs;
    await expect(t.watch('cam')).rejects.toEqual(code('STREAM_NOT_READY'));
    expect(t.nowMs).toBe(before);
  });

  test('it is let go at once when the publisher gives up', async () => {
    begin();
    const { session } = await t.manager.publish('cam', 'offer', from(''));
    const viewer = expect(t.watch('cam')).rejects.toEqual(code('STREAM_NOT_FOUND'));
    await settled();
    t.home('cam').endSession(session);
    await viewer;
  });

  test('readers are limited where the configuration says so', async () => {
    begin({ paths: rules({ cam: { maxReaders: 2 } }) });
    await t.live('cam');
    const first = await t.watch('cam');
    await t.watch('cam');
    await expect(t.watch('cam')).rejects.toEqual(code('TOO_MANY_SESSIONS'));
    await t.manager.closeSession('whep', 'cam', first.session);
    await t.watch('cam');
    expect(t.manager.path('cam')?.readers).toBe(2);
  });

  test('a worker without a session left refuses, and serves again when one ends', async () => {
    begin({ workers: 1 });
    await t.live('cam');
    const viewers = [];
    for (let index = 1; index < 4096; index++) viewers.push(await t.watch('cam'));
    await expect(t.watch('cam')).rejects.toEqual(code('NO_WORKER_CAPACITY'));
    await t.manager.closeSession('whep', 'cam', viewers[7]?.session ?? '');
    await t.watch('cam');
    expect(t.home('cam').highestSession).toBe(4095);
  });

  test('without a worker that is up there is no room', async () => {
    begin({ up: false });
    await expect(t.manager.publish('cam', 'offer', from(''))).rejects.toEqual(code('NO_WORKER_CAPACITY'));
    expect(t.manager.paths()).toEqual([]);
  });
});

describe('sessions', () => {
  test('are found by kind, path and secret only', async () => {
    begin();
    const session = await t.live('cam');
    const viewer = await t.watch('cam');
    const wrong: ['whip' | 'whep', string, string][] = [
      ['whep', 'cam', session],
      ['whip', 'other', session],
      ['whip', 'cam', 'guessed'],
      ['whep', 'cam', t.manager.sessions()[1]?.id ?? ''],
    ];
    for (const [kind, path, secret] of wrong) {
      expect(() => t.manager.sessionTag(kind, path, secret)).toThrow(code('SESSION_NOT_FOUND'));
      await expect(t.manager.closeSession(kind, path, secret)).rejects.toEqual(code('SESSION_NOT_FOUND'));
    }
    expect(t.manager.sessionTag('whep', 'cam', viewer.session)).toBe(viewer.etag);
  });

  test('an ICE restart gives new credentials and a new tag', async () => {
    begin();
    await t.live('cam');
    const { session, etag } = await t.watch('cam');
    const restarted = await t.manager.restartIce('whep', 'cam', session, { ufrag: 'u', pwd: 'p' });
    expect(restarted).toMatchObject({ ufrag: 'newU', pwd: 'newpasswordnewpassword' });
    expect(restarted.etag).not.toBe(etag);
    expect(t.manager.sessionTag('whep', 'cam', session)).toBe(restarted.etag);
  });

  test('are gone after they were closed, by whichever side', async () => {
    begin();
    await t.live('cam');
    const one = await t.watch('cam');
    const two = await t.watch('cam');
    await t.manager.closeSession('whep', 'cam', one.session);
    t.home('cam').endSession(two.session);
    for (const { session } of [one, two]) {
      await expect(t.manager.closeSession('whep', 'cam', session)).rejects.toEqual(code('SESSION_NOT_FOUND'));
    }
    expect(t.manager.path('cam')?.readers).toBe(0);
  });

  test('are connected when the worker has a snapshot of them', async () => {
    begin();
    const session = await t.live('cam');
    expect(t.manager.sessions()[0]?.state).toBe('connecting');
    t.home('cam').tell({
      event: 'snapshot',
      snapshot: {
        version: 1,
        id: session,
        kind: 'whip',
        path: 'cam',
        slot: 0,
        ufrag: 'u',
        pwd: 'p',
        peerUfrag: 'v',
        tracks: [],
        latch: [],
      },
    });
    expect(t.manager.sessions()[0]?.state).toBe('connected');
  });

  test('that end are logged by their public id', async () => {
    begin();
    const session = await t.live('cam');
    const { id } = t.manager.sessions()[0] ?? {};
    t.home('cam').endSession(session);
    expect(t.lines).toContainEqual(expect.objectContaining({ msg: 'session closed', session: id, kind: 'whip' }));
    expect(JSON.stringify(t.lines)).not.toContain(session);
  });
});

describe('a lost worker', () => {
  test('its sessions answer 404 at once, its streams go offline, and come online again on another worker', async () => {
    begin();
    const publisher = await t.live('cam');
    const viewer = await t.watch('cam');
    const lost = t.home('cam');
    const waiting = t.manager.restartIce('whep', 'cam', viewer.session, { ufrag: 'u', pwd: 'p' });
    const refused = expect(waiting).rejects.toEqual(code('SESSION_NOT_FOUND'));
    t.lose(lost.worker);
    await refused;
    expect(() => t.manager.sessionTag('whip', 'cam', publisher)).toThrow(code('SESSION_NOT_FOUND'));
    await expect(t.manager.closeSession('whep', 'cam', viewer.session)).rejects.toEqual(code('SESSION_NOT_FOUND'));
    expect(t.events.at(-1)).toEqual({ type: 'offline', path: 'cam', reason: 'its worker was lost' });
    await expect(t.watch('cam')).rejects.toEqual(code('STREAM_NOT_READY'));
    expect(t.manager.path('cam')).toMatchObject({ online: false, worker: undefined, slot: undefined, readers: 0 });

    await t.live('cam');
    await t.watch('cam');
    expect(t.home('cam').worker).not.toBe(lost.worker);
    expect(t.events.map(({ type }) => type)).toEqual(['online', 'offline', 'online']);
  });

  test('the paths of the others are not touched', async () => {
    begin({ workers: 4 });
    const names = Array.from({ length: 16 }, (_, index) => `cam${index}`);
    for (const name of names) await t.live(name);
    const before = names.map((name) => t.manager.path(name));
    t.lose(2);
    const after = names.map((name) => t.manager.path(name));
    for (const [index, info] of before.entries()) if (info?.worker !== 2) expect(after[index]).toEqual(info);
    expect(before.filter((info) => info?.worker === 2).length).toBeGreaterThan(0);
  });

  test('its cameras are opened on the others at once, and viewers are held for them', async () => {
    begin({ paths: rules({ cam: { source: CAMERA } }) });
    await settled();
    const lost = t.home('cam').worker;
    t.home('cam').online('cam', 'rtsp-pull');
    t.lose(lost);
    await settled();
    const home = t.home('cam');
    expect(home.worker).toBe(1 - lost);
    expect([...home.sources]).toEqual([['cam', 'rtsp']]);
    const viewer = t.watch('cam');
    await settled();
    home.online('cam', 'rtsp-pull');
    await viewer;
  });

  test('without another worker its cameras wait until it is up again', async () => {
    begin({ workers: 1, paths: rules({ cam: { source: CAMERA } }) });
    await settled();
    t.lose(0);
    await pass(3000);
    expect(t.manager.path('cam')).toMatchObject({ online: false, worker: undefined, reason: 'its worker was lost' });
    t.come(0);
    await settled();
    expect([...t.shard(0).sources.keys()]).toEqual(['cam']);
  });

  test('a request that it still owed is WORKER_LOST, and what it was for is gone with the worker', async () => {
    begin({ workers: 1 });
    t.shard(0).gate = new Promise(() => undefined);
    const publisher = expect(t.manager.publish('cam', 'offer', from(''))).rejects.toEqual(code('WORKER_LOST'));
    t.lose(0);
    await publisher;
    expect(t.manager.sessions()).toEqual([]);
    t.shard(0).gate = Promise.resolve();
    t.come(0);
    await t.live('cam');
    expect([...t.shard(0).sessions.values()]).toEqual([{ path: 'cam', slot: 0, kind: 'publish' }]);
  });
});

describe('a stream that keeps killing its worker', () => {
  test('is quarantined with a reason, and may try again when that is over', async () => {
    begin();
    for (let death = 0; death < 3; death++) {
      await t.live('bad');
      const { worker } = t.home('bad');
      t.lose(worker);
      t.come(worker);
      await pass(1000);
    }
    await expect(t.manager.publish('bad', 'offer', from(''))).rejects.toEqual(code('STREAM_QUARANTINED'));
    await expect(t.watch('bad')).rejects.toEqual(code('STREAM_QUARANTINED'));
    expect(t.manager.path('bad')?.reason).toMatch(/keeps killing its worker/);
    expect(t.lines).toContainEqual(expect.objectContaining({ path: 'bad', msg: expect.stringMatching(/quarantined/) }));
    t.nowMs += 5 * 60_000;
    await t.live('bad');
  });

  test('is blamed even when it never came online', async () => {
    begin({ workers: 1 });
    for (let death = 0; death < 3; death++) {
      t.shard(0).gate = new Promise(() => undefined);
      const refused = expect(t.manager.publish('bad', 'poison', from(''))).rejects.toEqual(code('WORKER_LOST'));
      await settled();
      t.shard(0).die();
      await refused; // the port closes before the thread's end is known
      t.manager.workerLost(0, { reason: 'a bug', isDeliberate: false });
      t.shard(0).gate = Promise.resolve();
      t.come(0);
    }
    await expect(t.manager.publish('bad', 'poison', from(''))).rejects.toEqual(code('STREAM_QUARANTINED'));
  });

  test('is found among the newcomers beside it, and those of the other worker are hit once at most', async () => {
    const names = Array.from({ length: 16 }, (_, index) => `cam${index}`);
    begin();
    /** Publishers come back as soon as they may. */
    const publishAll = async () => {
      for (const name of names) {
        if (t.manager.path(name)?.online !== true) await t.live(name).catch(() => undefined);
      }
    };
    await publishAll();
    const bad = 'cam5';
    const neighbours = names.filter((name) => t.home(name) === t.home(bad));
    const hits = new Map(names.map((name) => [name, 0]));
    const isFound = () => t.manager.path(bad)?.reason?.includes('may try again') === true;
    for (let second = 0; second < 120 && !isFound(); second++) {
      const home = t.manager.path(bad)?.worker;
      if (home !== undefined) {
        for (const { name, worker } of t.manager.paths()) {
          if (worker === home) hits.set(name, (hits.get(name) ?? 0) + 1);
        }
        t.lose(home);
        await settled();
        t.come(home);
      }
      await pass(1000);
      await publishAll();
    }
    expect(isFound()).toBe(true);
    const quarantined = t.lines.filter(({ msg }) => msg === 'stream quarantined: it keeps killing its worker');
    expect(quarantined.map(({ path }) => path)).toEqual([bad]);
    for (const name of names) {
      if (!neighbours.includes(name)) expect(hits.get(name), name).toBeLessThanOrEqual(1);
      expect(t.manager.path(name)?.worker === undefined, name).toBe(name === bad);
    }
  });

  test('is quarantined alone by evidence, at the third death, a camera of the configuration too', async () => {
    const names = ['a', 'b', 'c'];
    begin({ workers: 1, paths: rules(Object.fromEntries(names.map((name) => [name, { source: CAMERA }]))) });
    await settled();
    for (let death = 0; death < 3; death++) {
      const slot = t.manager.path('b')?.slot ?? -1;
      t.lose(0, { handling: { slot } });
      t.come(0);
      await settled();
      expect(t.lines).toContainEqual(expect.objectContaining({ msg: 'worker lost', handling: 'b' }));
    }
    expect(t.manager.path('b')?.reason).toMatch(/keeps killing its worker.*may try again/);
    expect([...t.shard(0).sources.keys()].sort()).toEqual(['a', 'c']);
  });

  test('under ever new names does not get the streams beside it quarantined', async () => {
    begin({ workers: 1, paths: rules({ demo: { source: CAMERA } }) });
    await settled();
    await t.live('old');
    await pass(61_000);
    for (let death = 0; death < 10; death++) {
      await t.live(`bad${death}`);
      t.lose(0, death % 2 === 0 ? {} : { handling: 'viewer' });
      t.come(0);
      await pass(1000);
      await t.live('old');
    }
    expect([...t.shard(0).sources.keys()]).toEqual(['demo']);
    expect(t.lines.filter(({ msg }) => /quarantined|held back/.test(String(msg)))).toEqual([]);
  });

  test('recycling blames nobody', async () => {
    begin();
    for (let count = 0; count < 5; count++) {
      await t.live('cam');
      const { worker } = t.home('cam');
      t.lose(worker, { reason: 'an operator asked for it', isDeliberate: true });
      t.come(worker);
    }
    await t.live('cam');
  });
});

describe('sources of the configuration', () => {
  const many = (count: number) =>
    rules(Object.fromEntries(Array.from({ length: count }, (_, index) => [`cam${index}`, { source: CAMERA }])));

  test('at start wait for all workers, and spread over them', async () => {
    begin({ workers: 4, paths: many(64), up: false });
    for (const worker of [2, 0, 3]) t.come(worker);
    expect(t.manager.paths().every(({ worker }) => worker === undefined)).toBe(true);
    t.come(1);
    await settled();
    const counts = t.shards.map(({ sources }) => sources.size);
    expect(counts.reduce((sum, count) => sum + count)).toBe(64);
    expect(Math.max(...counts)).toBeLessThanOrEqual(20);
  });

  test('do not wait for ever for a worker that does not come', async () => {
    begin({ workers: 2, paths: many(4), up: false });
    t.come(0);
    await pass(2500);
    expect(t.shard(0).sources.size).toBe(4);
  });

  test('that a worker refuses are tried again with growing delays, and logged once', async () => {
    begin({ workers: 1, paths: rules({ clip: { source: { type: 'file', file: '/nowhere' } } }), up: false });
    t.shard(0).failures.set('clip', new ShardcastError('CONFIG_INVALID', 'no such file'));
    t.come(0);
    await settled();
    expect(t.manager.path('clip')).toMatchObject({ online: false, reason: 'no such file' });
    await expect(t.watch('clip')).rejects.toEqual(code('STREAM_NOT_READY'));
    await pass(60_000);
    const tries = t.shard(0).requests.filter(({ type }) => type === 'open-source').length;
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(14);
    expect(t.lines.filter(({ msg }) => msg === 'source not opened')).toHaveLength(1);

    t.shard(0).failures.clear();
    await pass(13_000);
    expect([...t.shard(0).sources.keys()]).toEqual(['clip']);
    t.shard(0).online('clip', 'file');
    await t.watch('clip');
    expect(t.shard(0).highestStream).toBe(0);
  });

  test('are opened, closed and opened anew as the configuration changes; what did not change plays on', async () => {
    begin({ workers: 1, paths: rules({ a: { source: CAMERA }, b: { source: CAMERA }, c: {} }, { all: false }) });
    await settled();
    for (const name of ['a', 'b']) t.shard(0).online(name, 'rtsp-pull');
    await t.live('c');
    const viewers = [await t.watch('a'), await t.watch('b'), await t.watch('c')];
    const other = { ...CAMERA, url: 'rtsp://camera/2' };
    t.manager.reconfigure(
      rules({ a: { source: CAMERA, maxReaders: 1 }, b: { source: other }, d: { source: CAMERA } }, { all: false }),
    );
    await settled();
    expect(t.manager.sessionTag('whep', 'a', viewers[0]?.session ?? '')).toBeDefined();
    await expect(t.watch('a')).rejects.toEqual(code('TOO_MANY_SESSIONS'));
    for (const name of ['b', 'c']) {
      expect(t.events).toContainEqual(expect.objectContaining({ type: 'offline', path: name }));
    }
    expect([...t.shard(0).sources.keys()].sort()).toEqual(['a', 'b', 'd']);
    expect(t.manager.sessions()).toHaveLength(1);
    await expect(t.watch('c')).rejects.toEqual(code('PATH_NOT_FOUND'));
    expect(
      t.manager
        .paths()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'b', 'd']);
  });
});

describe('what is told', () => {
  test('configured paths are listed from the start, with the reason why they are not online', () => {
    begin({ paths: rules({ studio: {} }) });
    expect(t.manager.paths()).toMatchObject([{ name: 'studio', online: false, reason: 'nobody publishes to it' }]);
  });

  test('a stream whose tracks change is online since it came online', async () => {
    begin();
    await t.live('cam');
    const since = t.manager.path('cam')?.onlineSince;
    t.home('cam').tell({ event: 'stream-online', path: 'cam', source: 'whip', tracks: [] });
    expect(t.manager.path('cam')).toMatchObject({ tracks: [] });
    expect(t.manager.path('cam')?.onlineSince).toBe(since);
  });

  test('events of a worker that a path does not live on are not heard', async () => {
    begin();
    await t.live('cam');
    const stranger = t.shard(1 - t.home('cam').worker);
    stranger.offline('cam');
    stranger.online('nobody-knows');
    expect(t.manager.path('cam')?.online).toBe(true);
    expect(t.manager.path('nobody-knows')).toBeUndefined();
  });

  test("a listener that left hears nothing; a worker's lines are logged with its number", async () => {
    begin();
    const heard: unknown[] = [];
    const leave = t.manager.onPathEvent((event) => heard.push(event));
    leave();
    await t.live('cam');
    expect(heard).toEqual([]);
    t.shard(1).tell({ event: 'log', level: 'warn', message: 'a track was skipped', fields: { codec: 'AAC' } });
    expect(t.lines).toContainEqual(expect.objectContaining({ worker: 1, codec: 'AAC', msg: 'a track was skipped' }));
  });
});

describe('stopping', () => {
  test('nobody is admitted and nobody is held any longer', async () => {
    begin();
    await t.manager.publish('cam', 'offer', from(''));
    const viewer = expect(t.watch('cam')).rejects.toEqual(code('SHUTTING_DOWN'));
    await settled();
    t.manager.stop();
    await viewer;
    await expect(t.manager.publish('other', 'offer', from(''))).rejects.toEqual(code('SHUTTING_DOWN'));
    await expect(t.watch('cam')).rejects.toEqual(code('SHUTTING_DOWN'));
    expect(vi.getTimerCount()).toBe(0);
  });
});
