import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { headerOf, RtspMessageReader, type RtspRequest, RtspServerAuth, writeResponse } from '@shardcast/shared';
import { afterEach, expect, test } from 'vitest';
import { RtspConnection } from './rtsp-connection.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(answer: (socket: Socket, request: RtspRequest) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const reader = new RtspMessageReader();
    socket.on('data', (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        at = reader.read(chunk, at, chunk.length);
        const message = reader.take();
        if (message?.kind === 'request') answer(socket, message);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function open(url: string): Promise<RtspConnection> {
  const connection = await RtspConnection.open(url);
  closing.push(() => connection.socket.destroy());
  return connection;
}

test('user and password of the address answer a challenge, and are in no request line', async () => {
  const auth = new RtspServerAuth();
  const uris: string[] = [];
  const host = await serve((socket, request) => {
    uris.push(request.uri);
    const outcome = auth.read(headerOf(request, 'authorization'), request.method, request.uri);
    const isRight = typeof outcome === 'object' && outcome.user === 'ann' && outcome.verify('pw');
    const headers = isRight ? [] : auth.challenges().map((value) => ['www-authenticate', value] as const);
    socket.write(writeResponse({ status: isRight ? 200 : 401, reason: isRight ? 'OK' : 'Unauthorized', headers }));
  });
  const connection = await open(`rtsp://ann:pw@${host}/cam`);
  expect((await connection.ask('ANNOUNCE', connection.url.uri, [], 'v=0')).status).toBe(200);
  expect(uris).toEqual([`rtsp://${host}/cam`, `rtsp://${host}/cam`]);

  const wrong = await open(`rtsp://ann:no@${host}/cam`);
  await expect(wrong.ask('ANNOUNCE', wrong.url.uri, [])).rejects.toMatchObject({
    status: 401,
    message: `${host} answered ANNOUNCE with 401 Unauthorized: give a user and password in the URL`,
  });
});

test('an answer that comes in pieces is one answer', async () => {
  const host = await serve((socket) => {
    const bytes = writeResponse({ status: 200, reason: 'OK', headers: [['session', 'abc;timeout=60']] });
    socket.setNoDelay(true);
    socket.write(bytes.subarray(0, 20));
    setImmediate(() => socket.write(bytes.subarray(20)));
  });
  const connection = await open(`rtsp://${host}/cam`);
  expect(RtspConnection.sessionOf(await connection.ask('SETUP', connection.url.uri, []))).toBe('abc');
});

test('media between answers goes to who uses its channel', async () => {
  const frame = (channel: number, text: string) =>
    Buffer.concat([Buffer.from([0x24, channel, 0, text.length]), Buffer.from(text, 'latin1')]);
  const host = await serve((socket) => {
    const answer = writeResponse({ status: 200, reason: 'OK', headers: [] });
    // Of an RTP packet's first byte and length, so that they are frames.
    socket.write(
      Buffer.concat([frame(0, `\x80first-packet`), frame(7, `\x80unused-one`), answer, frame(1, `\x80second-packet`)]),
    );
  });
  const connection = await open(`rtsp://${host}/cam`);
  const taken: string[] = [];
  const second = new Promise<void>((resolve) => {
    connection.use(1, (packet) => {
      taken.push(packet.toString());
      resolve();
    });
  });
  connection.use(0, (packet) => taken.push(packet.toString()));
  await connection.ask('PLAY', connection.url.uri, []);
  await second;
  expect(taken.map((text) => text.slice(-12))).toEqual(['first-packet', 'econd-packet']);
});

test.for([
  ['closes', (socket: Socket) => socket.destroy(), 'closed the connection'],
  ['speaks HTTP', (socket: Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'does not speak RTSP'],
] as const)('a server that %s is told in one line', async ([, act, said]) => {
  const host = await serve((socket) => void act(socket));
  const connection = await open(`rtsp://${host}/cam`);
  await expect(connection.ask('ANNOUNCE', connection.url.uri, [])).rejects.toThrow(`${host} ${said}`);
});

test('a host that does not listen is told by name', async () => {
  const host = await serve(() => {});
  closing.pop()?.();
  await expect(RtspConnection.open(`rtsp://${host}/cam`)).rejects.toThrow(`${host} refuses connections`);
});
