import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { raw, startApp, type TestApp } from '../../test/test-app.ts';
import { listenHttp } from './server.ts';

let app: TestApp;
beforeEach(async () => {
  app = await startApp();
});
afterEach(() => app.close());

test('headers over 16 KiB are 431', async () => {
  expect(await raw(app.door.port, `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  );
});

test('a request that does not come is given up, and others do not wait for it', async () => {
  const slow = await listenHttp(
    (_req, res) => res.end('ok'),
    { host: '127.0.0.1', port: 0 },
    { error() {} },
    { limits: { headersMs: 50, requestMs: 100, checkMs: 10, idleMs: 1000 } },
  );
  const sockets = Array.from({ length: 100 }, () => connect(slow.port, '127.0.0.1'));
  const closed = sockets.map(async (socket, index) => {
    socket.on('error', () => {});
    socket.write(index % 2 === 0 ? 'GET / HTTP/1.1\r\nHo' : 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx');
    socket.resume();
    await once(socket, 'close');
  });
  expect(await (await fetch(`http://127.0.0.1:${slow.port}/`)).text()).toBe('ok');
  await Promise.all(closed);
  await slow.close(0);
});

test('a client that does not read its answer is cut', async () => {
  const limits = { headersMs: 1000, requestMs: 1000, checkMs: 1000, idleMs: 50 };
  const answer = Buffer.alloc(32 * 1024 * 1024); // more than the kernel keeps for it
  const door = await listenHttp(
    (_req, res) => res.end(answer),
    { host: '127.0.0.1', port: 0 },
    { error() {} },
    { limits },
  );
  const ended = new Promise((resolve) => door.server.once('connection', (socket) => socket.once('close', resolve)));
  const socket = connect(door.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause().write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  await ended;
  socket.destroy();
  await door.close(0);
});

test('slow requests have their limits', () => {
  expect(app.door.server.headersTimeout).toBe(5_000);
  expect(app.door.server.requestTimeout).toBe(10_000);
  expect(app.door.server.timeout).toBe(60_000);
});

test('garbage is 400', async () => {
  expect(await raw(app.door.port, '\x16\x03\x01\x02\x00\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

test('an address in use is said in words', async () => {
  await expect(listenHttp(() => {}, { host: '127.0.0.1', port: app.door.port }, { error() {} })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: `cannot listen on 127.0.0.1:${app.door.port}: the address is in use`,
  });
});

test('a connection that cannot be accepted is logged, and the others are served', async () => {
  const errors: unknown[] = [];
  const log = { error: (fields: Record<string, unknown>) => void errors.push(fields['err']) };
  const door = await listenHttp((_req, res) => res.end('ok'), { host: '127.0.0.1', port: 0 }, log);
  const full = new Error('accept EMFILE');
  door.server.emit('error', full);
  expect(errors).toEqual([full]);
  expect(await (await fetch(`http://127.0.0.1:${door.port}/`)).text()).toBe('ok');
  await door.close(0);
});

test('closing twice is closing once', async () => {
  await Promise.all([app.door.close(0), app.door.close(0)]);
  await expect(fetch(app.base)).rejects.toThrow();
});
