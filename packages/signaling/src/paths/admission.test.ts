import { MessageChannel } from 'node:worker_threads';
import { MAX_STREAMS, type SessionSnapshot, ShardcastError } from '@shardcast/shared';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CAMERA, from, NO_LIMITS, rules, settled, TestPaths } from '../../test/test-paths.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
let t: TestPaths;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  t.manager.stop();
  vi.useRealTimers();
});

/** The client comes to the worker and the handshake succeeds. */
function connect(path: string, session: string): void {
  const snapshot = { id: session, path } as SessionSnapshot; // the rest is only kept
  t.manager.workerEvent(t.home(path).worker, { event: 'snapshot', snapshot });
}

async function pushRtsp(path: string, remoteAddr: string): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  try {
    await t.manager.adoptRtsp(path, from(remoteAddr), { type: 'relay', port: port2 });
  } finally {
    port1.close();
  }
}

describe('sessions', () => {
  test('of one client are limited, and of all clients together', async () => {
    t = new TestPaths({ limits: { ...NO_LIMITS, readersPerClient: 2, sessions: 4 } });
    await t.live('cam');
    const first = await t.manager.subscribe('cam', 'offer', from('203.0.113.1'));
    await t.manager.subscribe('cam', 'offer', from('203.0.113.1'));
    await expect(t.manager.subscribe('cam', 'offer', from('203.0.113.1'))).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
    await t.manager.subscribe('cam', 'offer', from('203.0.113.2'));
    for (const who of ['203.0.113.3', '127.0.0.1'])
      await expect(t.manager.subscribe('cam', 'offer', from(who))).rejects.toEqual(code('TOO_MANY_SESSIONS'));
    await expect(t.manager.publish('new', 'offer', from('203.0.113.3'))).rejects.toEqual(code('TOO_MANY_SESSIONS'));
    await expect(pushRtsp('new', '203.0.113.3')).rejects.toEqual(code('TOO_MANY_SESSIONS'));
    t.home('cam').endSession(first.session);
    await t.manager.subscribe('cam', 'offer', from('203.0.113.1'));
  });
});

describe('sessions that are not connected yet', () => {
  test('of one client are limited, whatever they are for, and those of others are not', async () => {
    t = new TestPaths({ limits: { ...NO_LIMITS, connectingPerClient: 3 } });
    connect('cam', await t.live('cam'));
    const first = await t.manager.subscribe('cam', 'offer', from('203.0.113.1'));
    const second = await t.manager.subscribe('cam', 'offer', from('203.0.113.1'));
    await t.manager.publish('other', 'offer', from('203.0.113.1'));
    await expect(t.manager.subscribe('cam', 'offer', from('203.0.113.1'))).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
    await expect(t.manager.publish('more', 'offer', from('203.0.113.1'))).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
    expect(t.manager.path('more')).toBeUndefined();
    await t.manager.subscribe('cam', 'offer', from('203.0.113.2'));

    connect('cam', first.session);
    connect('cam', first.session); // a worker tells the same session's state many times
    await t.manager.subscribe('cam', 'offer', from('203.0.113.1'));
    await expect(t.manager.subscribe('cam', 'offer', from('203.0.113.1'))).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
    t.home('cam').endSession(second.session, 'handshake: timed out');
    await t.manager.subscribe('cam', 'offer', from('203.0.113.1'));
    t.home('cam').endSession(first.session);
    await expect(t.manager.subscribe('cam', 'offer', from('203.0.113.1'))).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
  });

  test('of a network of IPv6 addresses are counted together', async () => {
    t = new TestPaths({ limits: { ...NO_LIMITS, connectingPerClient: 1 } });
    await t.live('cam');
    await t.manager.subscribe('cam', 'offer', from('2001:db8::1'));
    await expect(t.manager.subscribe('cam', 'offer', from('2001:db8::2'))).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
    await t.manager.subscribe('cam', 'offer', from('2001:db8:0:1::1'));
  });

  test('of a worker are limited, this host included, and leave no stream behind', async () => {
    t = new TestPaths({ workers: 1, limits: { ...NO_LIMITS, connectingPerClient: 1, connectingPerWorker: 2 } });
    await t.live('cam');
    const viewer = await t.manager.subscribe('cam', 'offer', from('127.0.0.1'));
    await expect(t.manager.subscribe('cam', 'offer', from('127.0.0.1'))).rejects.toEqual(code('TOO_MANY_CONNECTING'));
    await expect(t.manager.publish('other', 'offer', from('127.0.0.1'))).rejects.toEqual(code('TOO_MANY_CONNECTING'));
    expect(t.manager.path('other')).toBeUndefined();
    await pushRtsp('pushed', '127.0.0.1:5000'); // is connected from the beginning
    connect('cam', viewer.session);
    await t.manager.subscribe('cam', 'offer', from('127.0.0.1'));
  });

  test('that their worker refuses or loses do not count', async () => {
    t = new TestPaths({ workers: 1, limits: { ...NO_LIMITS, connectingPerClient: 1, connectingPerWorker: 1 } });
    t.shard(0).failures.set('cam', new ShardcastError('SDP_UNACCEPTABLE', 'no codec'));
    for (let n = 0; n < 3; n++) {
      await expect(t.manager.publish('cam', 'offer', from('203.0.113.1'))).rejects.toEqual(code('SDP_UNACCEPTABLE'));
    }
    await t.manager.publish('lost', 'offer', from('203.0.113.1'));
    t.lose(0);
    t.come(0);
    await t.manager.publish('next', 'offer', from('203.0.113.1'));
  });
});

describe('publishers', () => {
  test('of one client are limited, WHIP and RTSP together, those of this host are not', async () => {
    t = new TestPaths({ limits: { ...NO_LIMITS, publishersPerClient: 2 } });
    const { session } = await t.manager.publish('a', 'offer', from('203.0.113.1'));
    connect('a', session);
    await pushRtsp('b', '203.0.113.1:5000');
    await expect(pushRtsp('c', '203.0.113.1:5001')).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
    await expect(t.manager.publish('c', 'offer', from('203.0.113.1'))).rejects.toEqual(code('CLIENT_OVER_LIMIT'));
    expect(t.manager.path('c')).toBeUndefined();
    t.home('a').online('a');
    await t.manager.subscribe('a', 'offer', from('203.0.113.1')); // a viewer is no publisher
    t.home('a').endSession(session);
    await pushRtsp('c', '203.0.113.1:5002');
    for (let n = 0; n < 5; n++) await pushRtsp(`local${n}`, `127.0.0.1:${n + 1}`);
  });

  test('that make names up leave room for the paths of the configuration', async () => {
    t = new TestPaths({ workers: 1, up: false, paths: rules({ studio: {}, camera: { source: CAMERA }, spare: {} }) });
    t.come(0);
    await settled(); // the camera has its slot
    for (let n = 0; n < MAX_STREAMS - 3; n++) await t.manager.publish(`made-up${n}`, 'offer', from(''));
    await expect(t.manager.publish('one-more', 'offer', from(''))).rejects.toEqual(code('NO_WORKER_CAPACITY'));
    expect(t.manager.path('one-more')).toBeUndefined();
    await t.live('studio');
    await t.live('spare');
    expect(t.manager.path('camera')?.worker).toBe(0);
  });
});
