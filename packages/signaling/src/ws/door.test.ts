import { once } from 'node:events';
import { connect } from 'node:net';
import { ShardcastError } from '@shardcast/shared';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { authorise } from '../../test/default-authorise.ts';
import { ANSWER, FakeMedia, OFFER, pathInfo } from '../../test/fake-media.ts';
import { ALLOWED } from '../auth/authorise.ts';
import { type HttpDoor, listenHttp } from '../http/server.ts';
import { WebSocketDoor, type WebSocketDoorOptions } from './door.ts';

let media: FakeMedia;
let http: HttpDoor;
let door: WebSocketDoor;
let nowMs = 0;
let rejected: string[] = [];

async function start(options: Partial<WebSocketDoorOptions> = {}): Promise<void> {
  http = await listenHttp((_req, res) => res.end(), { host: '127.0.0.1', port: 0 }, { error() {} });
  door = new WebSocketDoor(http.server, {
    media,
    authorise,
    allowOrigins: ['*'],
    log: pino({ level: 'silent' }),
    rejections: { count: (reason) => rejected.push(reason) },
    clock: () => nowMs,
    ...options,
  });
}

beforeEach(async () => {
  media = new FakeMedia();
  nowMs = 0;
  rejected = [];
  await start();
});
afterEach(async () => {
  door.close();
  await http.close(0);
});

type Client = {
  socket: WebSocket;
  send(message: unknown): void;
  /** The next message. */
  next(): Promise<unknown>;
  ask(message: unknown): Promise<unknown>;
  closed: Promise<number>;
};

async function client(headers: Record<string, string> = {}, path = '/ws', autoPong = true): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${http.port}${path}`, { headers, autoPong });
  const inbox: unknown[] = [];
  const waiting: ((message: unknown) => void)[] = [];
  socket.on('message', (data) => {
    const message: unknown = JSON.parse(String(data));
    const wake = waiting.shift();
    if (wake === undefined) inbox.push(message);
    else wake(message);
  });
  const next = () =>
    inbox.length > 0 ? Promise.resolve(inbox.shift()) : new Promise<unknown>((resolve) => waiting.push(resolve));
  const send = (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await once(socket, 'open');
  expect(await next()).toEqual({ type: 'hello', version: 1, server: 'shardcast' });
  return {
    socket,
    send,
    next,
    closed,
    ask(message) {
      send(message);
      return next();
    },
  };
}

async function leave({ socket, closed }: Client): Promise<void> {
  socket.close();
  await closed;
}

/** The server hears of a closed socket a turn later than its client. */
async function eventually(claim: () => void): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) {
    try {
      claim();
      return;
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  claim();
}

test('subscribe and publish are answered with a session', async () => {
  const me = await client();
  expect(await me.ask({ type: 'subscribe', id: 1, path: 'cam', offer: OFFER })).toEqual({
    type: 'answer',
    id: 1,
    session: 'secret-1',
    answer: ANSWER,
  });
  expect(await me.ask({ type: 'publish', id: 2, path: 'cam2', offer: OFFER })).toMatchObject({ type: 'answer', id: 2 });
  expect([...media.open.values()].map(({ kind }) => kind)).toEqual(['whep', 'whip']);
});

test('a socket’s sessions end with it, and others’ do not', async () => {
  const [me, other] = [await client(), await client()];
  await me.ask({ type: 'subscribe', id: 1, path: 'a', offer: OFFER });
  await me.ask({ type: 'subscribe', id: 2, path: 'b', offer: OFFER });
  await other.ask({ type: 'subscribe', id: 1, path: 'c', offer: OFFER });
  await leave(me);
  await eventually(() => expect([...media.open.values()].map(({ path }) => path)).toEqual(['c']));
  expect(door.clients).toBe(1);
});

test('a session that opens after its socket has closed is ended', async () => {
  let release = (): void => {};
  media.gate = new Promise((resolve) => {
    release = resolve;
  });
  const me = await client();
  me.send({ type: 'subscribe', id: 1, path: 'a', offer: OFFER });
  await leave(me);
  await eventually(() => expect(door.clients).toBe(0));
  release();
  await eventually(() => expect(media.open.size).toBe(0));
});

test('close ends a session, once, and only an own one', async () => {
  const [me, other] = [await client(), await client()];
  await me.ask({ type: 'subscribe', id: 1, path: 'a', offer: OFFER });
  const close = { type: 'close', id: 2, session: 'secret-1' };
  expect(await other.ask(close)).toMatchObject({ type: 'error', id: 2, code: 'SESSION_NOT_FOUND' });
  expect(await me.ask(close)).toEqual({ type: 'closed', id: 2, session: 'secret-1' });
  expect(await me.ask(close)).toMatchObject({ type: 'error', code: 'SESSION_NOT_FOUND' });
  expect(media.open.size).toBe(0);
});

test('restart-ice gives the server’s new credentials', async () => {
  const me = await client();
  await me.ask({ type: 'subscribe', id: 1, path: 'a', offer: OFFER });
  const credentials = { ufrag: 'abcd', pwd: 'clientpasswordclientpw' };
  expect(await me.ask({ type: 'restart-ice', id: 3, session: 'secret-1', ...credentials })).toEqual({
    type: 'ice',
    id: 3,
    session: 'secret-1',
    ufrag: 'newU',
    pwd: 'newpasswordnewpassword',
  });
  expect(media.restarts).toEqual([credentials]);
});

test('list tells what is live, and with watch what comes and goes, in order', async () => {
  media.infos = [pathInfo('a'), pathInfo('off', { online: false })];
  const me = await client();
  const entry = { path: 'a', tracks: [{ kind: 'video', codec: 'H264', clockRate: 90_000 }], readers: 1 };
  expect(await me.ask({ type: 'list', id: 1 })).toEqual({ type: 'streams', id: 1, streams: [entry] });
  media.emit({ type: 'online', path: 'unheard', tracks: [] });
  await me.ask({ type: 'list', id: 2, watch: true });
  media.emit({ type: 'online', path: 'b', tracks: [] });
  media.emit({ type: 'offline', path: 'b', reason: 'the publisher left' });
  expect(await me.next()).toEqual({ type: 'online', path: 'b', tracks: [] });
  expect(await me.next()).toEqual({ type: 'offline', path: 'b', reason: 'the publisher left' });
});

test('what may not be read is not told', async () => {
  door.close();
  await http.close(0);
  media.infos = [pathInfo('open'), pathInfo('hidden')];
  await start({
    authorise: async ({ path }) => (path === 'hidden' ? { allowed: false, code: 'FORBIDDEN', reason: 'no' } : ALLOWED),
  });
  const me = await client();
  expect(await me.ask({ type: 'list', id: 1, watch: true })).toMatchObject({ streams: [{ path: 'open' }] });
  media.emit({ type: 'online', path: 'hidden', tracks: [] });
  media.emit({ type: 'online', path: 'open', tracks: [] });
  expect(await me.next()).toMatchObject({ path: 'open' });
  for (const type of ['subscribe', 'publish'])
    expect(await me.ask({ type, id: 2, path: 'hidden', offer: OFFER })).toMatchObject({ code: 'FORBIDDEN' });
});

test('failures have their code, and when to try again', async () => {
  const me = await client();
  media.failures.set('cam', new ShardcastError('STREAM_NOT_READY', 'nobody publishes'));
  expect(await me.ask({ type: 'subscribe', id: 7, path: 'cam', offer: OFFER })).toEqual({
    type: 'error',
    id: 7,
    code: 'STREAM_NOT_READY',
    message: 'nobody publishes',
    retryAfter: 2,
  });
  media.failures.set('cam', new ShardcastError('NO_WORKER_CAPACITY', 'full'));
  await me.ask({ type: 'subscribe', id: 8, path: 'cam', offer: OFFER });
  expect(rejected).toEqual(['NO_WORKER_CAPACITY']);
  media.subscribe = () => Promise.reject(new Error('secret detail'));
  expect(await me.ask({ type: 'subscribe', id: 9, path: 'x', offer: OFFER })).toMatchObject({
    code: 'INTERNAL',
    message: 'internal error',
  });
});

test('malformed messages are answered, not punished', async () => {
  const me = await client();
  expect(await me.ask('{')).toMatchObject({ type: 'error', id: null, code: 'BAD_REQUEST' });
  for (const message of [[], 1, null, { type: 'nope', id: 3 }, { type: 'ping' }, { type: 'ping', id: 3, more: 1 }])
    expect(await me.ask(JSON.stringify(message))).toMatchObject({ type: 'error', code: 'BAD_REQUEST' });
  expect(await me.ask({ type: 'subscribe', id: 4, path: 'a/../b', offer: OFFER })).toMatchObject({
    id: 4,
    code: 'PATH_INVALID',
  });
  expect(await me.ask({ type: 'ping', id: 5 })).toEqual({ type: 'pong', id: 5 });
});

describe('limits', () => {
  test('64 KiB a message; more closes with 1009', async () => {
    const me = await client();
    const frame = (bytes: number) => `{"type":"ping","id":1}${' '.repeat(bytes - 22)}`;
    expect(await me.ask(frame(65_536))).toEqual({ type: 'pong', id: 1 });
    me.send(frame(65_537));
    expect(await me.closed).toBe(1009);
  });

  test('50 messages a second; more closes with 1008', async () => {
    const me = await client();
    for (let id = 0; id < 50; id++) expect(await me.ask({ type: 'ping', id })).toEqual({ type: 'pong', id });
    nowMs += 100;
    for (let id = 0; id < 5; id++) await me.ask({ type: 'ping', id });
    me.send({ type: 'ping', id: 0 });
    expect(await me.closed).toBe(1008);
  });

  test('256 sessions a socket', async () => {
    const me = await client();
    for (let id = 0; id < 256; id++) {
      nowMs += 20;
      await me.ask({ type: 'subscribe', id, path: 'a', offer: OFFER });
    }
    nowMs += 1_000;
    expect(await me.ask({ type: 'subscribe', id: 1, path: 'a', offer: OFFER })).toMatchObject({
      code: 'TOO_MANY_SESSIONS',
    });
    await me.ask({ type: 'close', id: 2, session: 'secret-1' });
    expect(await me.ask({ type: 'subscribe', id: 3, path: 'a', offer: OFFER })).toMatchObject({ type: 'answer' });
  });

  test('text only', async () => {
    const me = await client();
    me.socket.send(Buffer.from('{}'));
    expect(await me.closed).toBe(1003);
  });

  test('no compression is agreed on', async () => {
    const me = await client();
    expect(me.socket.extensions).toBe('');
  });

  test('a client that does not answer pings is cut', async () => {
    door.close();
    await http.close(0);
    await start({ pingMs: 10 });
    const mute = await client({}, '/ws', false);
    const alive = await client();
    expect(await mute.closed).toBe(1006);
    expect(await alive.ask({ type: 'ping', id: 1 })).toEqual({ type: 'pong', id: 1 });
  });
});

describe('who is let in', () => {
  const refused = async (headers: Record<string, string>, path = '/ws'): Promise<number> => {
    const socket = new WebSocket(`ws://127.0.0.1:${http.port}${path}`, { headers });
    socket.on('error', () => {});
    const [, response] = await once(socket, 'unexpected-response');
    return response.statusCode;
  };

  test('other URLs are 404', async () => {
    expect(await refused({}, '/other')).toBe(404);
    await leave(await client({}, '/ws?token=x'));
  });

  test('pages of other origins are 403', async () => {
    door.close();
    await http.close(0);
    await start({ allowOrigins: ['https://a.example'] });
    expect(await refused({ Origin: 'https://evil.example' })).toBe(403);
    await leave(await client({ Origin: 'https://a.example' }));
    await leave(await client());
  });

  test('a page that only * admits does not get the password that the browser adds', async () => {
    const restart = async (allowOrigins: string[]) => {
      door.close();
      await http.close(0);
      await start({
        allowOrigins,
        authorise: async ({ credentials }) =>
          credentials?.verify('s3cret') === true
            ? ALLOWED
            : { allowed: false, code: 'UNAUTHENTICATED', reason: 'who are you?' },
      });
    };
    const Authorization = `Basic ${Buffer.from('guard:s3cret').toString('base64')}`;
    const answerTo = async (headers: Record<string, string>, path = '/ws') => {
      const me = await client({ Authorization, ...headers }, path);
      const answer = await me.ask({ type: 'subscribe', id: 1, path: 'cam', offer: OFFER });
      await leave(me);
      return answer;
    };
    await restart(['*']);
    const refusal = { type: 'error', code: 'UNAUTHENTICATED' };
    expect(await answerTo({ Origin: 'https://evil.example' })).toMatchObject(refusal);
    expect(await answerTo({ Origin: 'null' })).toMatchObject(refusal);
    expect(await answerTo({ Origin: `http://127.0.0.1:${http.port}` })).toMatchObject({ type: 'answer' });
    expect(await answerTo({})).toMatchObject({ type: 'answer' });
    const knowing = '/ws?user=guard&pass=s3cret';
    expect(await answerTo({ Origin: 'https://evil.example' }, knowing)).toMatchObject({ type: 'answer' });
    await restart(['https://wall.example', '*']);
    expect(await answerTo({ Origin: 'https://wall.example' })).toMatchObject({ type: 'answer' });
  });

  test('one address has so many sockets and no more', async () => {
    door.close();
    await http.close(0);
    await start({ trustedProxies: ['127.0.0.1'], maxClientsPerAddress: 2 });
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    const first = await client(from('192.0.2.1'));
    const second = await client(from('192.0.2.1'));
    expect(await refused(from('192.0.2.1'))).toBe(429);
    const other = await client(from('192.0.2.2'));
    await leave(first);
    await eventually(() => expect(door.clients).toBe(2));
    const third = await client(from('192.0.2.1'));
    for (const each of [second, third, other]) await leave(each);
  });

  test('a refused upgrade holds no socket, whatever its client does', async () => {
    const socket = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true });
    const count = () => new Promise((resolve) => http.server.getConnections((_error, open) => resolve(open)));
    socket.on('error', () => {});
    socket.write('GET /nope HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 404 /);
    await vi.waitFor(async () => expect(await count()).toBe(0));
    socket.destroy();
  });
});

test('closing the door says goodbye, and listens to no more events', async () => {
  const me = await client();
  door.close();
  expect(await me.closed).toBe(1001);
  expect(media.listeners.size).toBe(0);
});

describe('a bug in a handler ends its socket only, and is logged once', () => {
  const faults: Record<string, unknown>[] = [];
  const planted = (): never => {
    throw new Error('planted');
  };

  beforeEach(async () => {
    door.close();
    await http.close(0);
    faults.length = 0;
    await start({
      log: pino({ base: null, level: 'error' }, { write: (line) => void faults.push(JSON.parse(line)) }),
      authorise: async ({ path }) => (path === 'poison' ? planted() : ALLOWED),
      allowOrigins: new Proxy(['https://a.example'], { get: planted }),
    });
  });

  async function onlyThatOneEnds(me: Client, other: Client): Promise<void> {
    await me.closed;
    await eventually(() => expect(faults).toMatchObject([{ door: 'websocket', err: { message: 'planted' } }]));
    expect(await other.ask({ type: 'ping', id: 7 })).toEqual({ type: 'pong', id: 7 });
    expect(door.clients).toBe(1);
  }

  test('when a message comes', async () => {
    const [me, other] = [await client(), await client()];
    media.infos = [
      pathInfo('cam', { tracks: [{ kind: 'video', codec: 'H264', clockRate: 1, ...{ toJSON: planted } }] }),
    ];
    me.send({ type: 'list', id: 1 });
    await onlyThatOneEnds(me, other);
  });

  test('when an event is told', async () => {
    const [me, other] = [await client(), await client()];
    await me.ask({ type: 'list', id: 1, watch: true });
    for (let count = 0; count < 3; count++) media.emit({ type: 'online', path: 'poison', tracks: [] });
    await onlyThatOneEnds(me, other);
  });

  test('when the socket closes', async () => {
    const [me, other] = [await client(), await client()];
    await me.ask({ type: 'subscribe', id: 1, path: 'cam', offer: OFFER });
    media.closeSession = planted;
    me.socket.close();
    await onlyThatOneEnds(me, other);
  });

  test('when it is opened', async () => {
    const other = await client();
    const me = new WebSocket(`ws://127.0.0.1:${http.port}/ws`, { headers: { Origin: 'https://a.example' } });
    me.on('error', () => {});
    await new Promise((resolve) => me.on('close', resolve));
    expect(faults).toMatchObject([{ door: 'websocket', err: { message: 'planted' } }]);
    expect(await other.ask({ type: 'ping', id: 7 })).toEqual({ type: 'pong', id: 7 });
  });
});
