import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { MessagePort } from 'node:worker_threads';
import { makeCertificate } from '@shardcast/sfu-worker';
import {
  headerOf,
  headersOf,
  isRelayToWorker,
  RELAY_WINDOW_BYTES,
  type RtspCarrier,
  RtspClientAuth,
  RtspMessageReader,
  type RtspResponse,
  ShardcastError,
  writeRequest,
} from '@shardcast/shared';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { authorise } from '../../test/default-authorise.ts';
import type { AccessRequest } from '../auth/access-request.ts';
import { ALLOWED } from '../auth/authorise.ts';
import type { Caller } from '../paths/media.ts';
import { CertificateFiles } from '../tls/certificate-files.ts';
import { RtspServer, type RtspServerOptions } from './server.ts';

const servers: RtspServer[] = [];
const clients: RtspClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** The worker's side of a relay. */
class FakeWorker {
  readonly adopted: { path: string; remote: string; port: MessagePort }[] = [];
  text = '';
  bytes = 0;
  /** Bytes before the window is full are not acknowledged unless set. */
  acknowledges = true;
  ended: string | undefined;
  refusal: Error | undefined;
  #changed: (() => void)[] = [];

  async adoptRtsp(path: string, { remoteAddr: remote }: Caller, carrier: RtspCarrier): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal;
    if (carrier.type !== 'relay') throw new Error('nothing to duplicate sockets with was given');
    const { port } = carrier;
    this.adopted.push({ path, remote, port });
    port.on('message', (message: unknown) => {
      if (!isRelayToWorker(message)) throw new Error('not a relay message');
      if (message.type === 'bytes') {
        this.bytes += message.bytes.length;
        if (this.text.length < 10_000) this.text += Buffer.from(message.bytes).toString('latin1');
        if (this.acknowledges) port.postMessage({ type: 'ack', bytes: message.bytes.length });
      } else if (message.type === 'end') this.ended = message.reason;
      for (const changed of this.#changed.splice(0)) changed();
    });
  }
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }
}

class RtspClient {
  readonly socket: Socket;
  readonly #reader = new RtspMessageReader();
  readonly #responses: RtspResponse[] = [];
  #waiting: (() => void) | undefined;
  #sequence = 0;
  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('data', (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        at = this.#reader.read(bytes, at, bytes.length);
        const message = this.#reader.take();
        if (message?.kind === 'response') this.#responses.push(message);
      }
      this.#waiting?.();
    });
    clients.push(this);
  }
  send(method: string, uri: string, headers: [string, string][] = [], body?: string): void {
    const all: [string, string][] = [['cseq', String(++this.#sequence)], ...headers];
    this.socket.write(
      writeRequest({ method, uri, headers: all, body: body === undefined ? undefined : Buffer.from(body) }),
    );
  }
  async response(): Promise<RtspResponse> {
    for (;;) {
      const response = this.#responses.shift();
      if (response !== undefined) return response;
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }
  ask(method: string, uri: string, headers: [string, string][] = [], body?: string): Promise<RtspResponse> {
    this.send(method, uri, headers, body);
    return this.response();
  }
}

const ignore = () => undefined;
const log = { error: ignore, warn: ignore, info: ignore, debug: ignore };

async function start(options: Partial<RtspServerOptions> = {}) {
  const worker = new FakeWorker();
  const server = new RtspServer({
    host: '127.0.0.1',
    port: 0,
    media: worker,
    log,
    authorise,
    takesDigest: () => true,
    ...options,
  });
  servers.push(server);
  await server.listen();
  const uri = `rtsp://127.0.0.1:${server.port}/yard/cam?key=1`;
  return { worker, server, uri, client: () => new RtspClient(server.port) };
}

const SDP = 'v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n';

test('the ANNOUNCE and all that follows reaches the worker, and its answers the client', async () => {
  const { worker, uri, client } = await start();
  const publisher = client();
  const options = await publisher.ask('OPTIONS', uri);
  expect([options.status, headerOf(options, 'public')]).toEqual([200, expect.stringContaining('ANNOUNCE')]);
  publisher.send('ANNOUNCE', uri, [['content-type', 'application/sdp']], SDP);
  await worker.until(() => worker.text.endsWith(SDP));
  expect(worker.adopted).toMatchObject([{ path: 'yard/cam', remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }]);
  expect(worker.text.startsWith(`ANNOUNCE ${uri} RTSP/1.0\r\nCSeq: 2\r\n`)).toBe(true);
  worker.adopted[0]?.port.postMessage({ type: 'bytes', bytes: Buffer.from('RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n') });
  expect((await publisher.response()).status).toBe(200);
  publisher.socket.write('$more');
  await worker.until(() => worker.text.endsWith('$more'));
  publisher.socket.destroy();
  await worker.until(() => worker.ended !== undefined);
  expect(worker.ended).toBe('the peer closed the connection');
});

test('the worker ends the connection by ending its relay', async () => {
  const { worker, uri, client, server } = await start();
  const publisher = client();
  publisher.send('ANNOUNCE', uri, [], SDP);
  await worker.until(() => worker.bytes > 0);
  worker.adopted[0]?.port.postMessage({ type: 'end' });
  await once(publisher.socket, 'close');
  expect(server.connections).toBe(0);
});

test('a worker that dies ends the connection', async () => {
  const { worker, uri, client } = await start();
  const publisher = client();
  publisher.send('ANNOUNCE', uri, [], SDP);
  await worker.until(() => worker.bytes > 0);
  worker.adopted[0]?.port.close();
  await once(publisher.socket, 'close');
});

test.for(['Digest', 'Basic'])('%s credentials are asked for, checked, and kept from the worker', async (scheme) => {
  const seen: AccessRequest[] = [];
  const { worker, uri, client } = await start({
    authorise: async (request) => {
      seen.push(request);
      const allowed = request.credentials?.user === 'cam' && request.credentials.verify('s3cret');
      return allowed === true ? ALLOWED : { allowed: false, code: 'UNAUTHENTICATED', reason: 'who are you?' };
    },
  });
  const publisher = client();
  const refused = await publisher.ask('ANNOUNCE', uri, [], SDP);
  expect(refused.status).toBe(401);
  const challenges = headersOf(refused, 'www-authenticate').filter((value) => value.startsWith(scheme));
  const auth = new RtspClientAuth('cam', 's3cret');
  expect(auth.challenge(challenges)).toBe(true);
  publisher.send('ANNOUNCE', uri, [['authorization', auth.authorization('ANNOUNCE', uri) ?? '']], SDP);
  await worker.until(() => worker.text.endsWith(SDP));
  expect(worker.text).not.toMatch(/authorization/i);
  expect(seen.at(-1)).toMatchObject({ action: 'publish', path: 'yard/cam', query: 'key=1', ip: '127.0.0.1' });
});

test('three wrong passwords close the connection', async () => {
  const { worker, uri, client } = await start({
    authorise: async ({ credentials }) =>
      credentials?.verify('right') === true ? ALLOWED : { allowed: false, code: 'UNAUTHENTICATED', reason: 'wrong' },
  });
  const publisher = client();
  const closed = once(publisher.socket, 'close');
  const basic = Buffer.from('cam:wrong').toString('base64');
  for (let guess = 0; guess < 3; guess++) {
    expect((await publisher.ask('ANNOUNCE', uri, [['authorization', `Basic ${basic}`]], SDP)).status).toBe(401);
  }
  await closed;
  expect(worker.adopted).toEqual([]);
});

test.for([
  ['PUBLISHER_EXISTS', 455],
  ['PATH_NOT_FOUND', 404],
  ['NO_WORKER_CAPACITY', 453],
  ['SHUTTING_DOWN', 503],
] as const)('%s is answered with %d and its reason', async ([code, status]) => {
  const { worker, uri, client } = await start();
  worker.refusal = new ShardcastError(code, 'in words');
  const response = await client().ask('ANNOUNCE', uri, [], SDP);
  expect([response.status, response.reason]).toEqual([status, 'in words']);
});

test('an unforeseen error tells the client nothing', async () => {
  const { worker, uri, client } = await start();
  worker.refusal = new Error('secret detail');
  expect(await client().ask('ANNOUNCE', uri, [], SDP)).toMatchObject({ status: 500, reason: 'Internal Server Error' });
});

test('readers and strangers are told no', async () => {
  const { server, uri, client } = await start();
  expect(await client().ask('DESCRIBE', uri)).toMatchObject({ status: 501, reason: expect.stringContaining('WHEP') });
  expect((await client().ask('ANNOUNCE', `rtsp://h:${server.port}/a/../b`, [], SDP)).status).toBe(400);
  const stranger = client();
  stranger.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  expect((await stranger.response()).status).toBe(400);
  const bomb = client();
  bomb.socket.write(`ANNOUNCE ${uri} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\n`);
  expect((await bomb.response()).status).toBe(400);
});

test('who does not come to the point is closed, and does not take the place of others', async () => {
  const { client } = await start({ headerTimeoutMs: 50, maxPending: 1 });
  const slow = client();
  await once(slow.socket, 'connect');
  expect((await client().response()).status).toBe(503);
  expect((await slow.response()).status).toBe(408);
  expect((await client().response()).status).toBe(408);
});

test('a slow worker pauses the socket, and nothing is lost', async () => {
  const { worker, uri, client } = await start();
  worker.acknowledges = false;
  const publisher = client();
  publisher.send('ANNOUNCE', uri, [], SDP);
  await worker.until(() => worker.bytes > 0);
  const announceBytes = worker.bytes;
  const total = 24 * 1024 * 1024; // more than the kernel holds for both sides
  const sent = new Promise<void>((resolve) => publisher.socket.write(Buffer.alloc(total, 7), () => resolve()));
  await worker.until(() => worker.bytes > RELAY_WINDOW_BYTES);
  expect(
    await Promise.race([sent.then(() => 'all'), new Promise((resolve) => setTimeout(resolve, 200, 'stuck'))]),
  ).toBe('stuck');
  expect(worker.bytes).toBeLessThan(RELAY_WINDOW_BYTES + 128 * 1024);
  worker.acknowledges = true;
  worker.adopted[0]?.port.postMessage({ type: 'ack', bytes: worker.bytes });
  await worker.until(() => worker.bytes === announceBytes + total);
});

test('close ends every connection and frees the port', async () => {
  const { worker, uri, client, server } = await start();
  const publisher = client();
  publisher.send('ANNOUNCE', uri, [], SDP);
  await worker.until(() => worker.bytes > 0);
  const waiting = client();
  await once(waiting.socket, 'connect');
  const gone = Promise.all([once(publisher.socket, 'close'), once(waiting.socket, 'close')]);
  await server.close();
  await gone;
  await worker.until(() => worker.ended !== undefined);
  expect(worker.ended).toBe('the server is shutting down');
});

test('refused connections are logged a few times a second, and counted', async () => {
  const lines: Record<string, unknown>[] = [];
  const time = { nowMs: 0 };
  const info = (fields: Record<string, unknown>) => void lines.push(fields);
  const { client } = await start({ log: { ...log, info }, clock: () => time.nowMs });
  const refuse = async () => {
    const stranger = client();
    stranger.socket.write('nonsense\r\n\r\n');
    expect((await stranger.response()).status).toBe(400);
  };
  for (let count = 0; count < 20; count++) await refuse();
  expect(lines).toHaveLength(5);
  time.nowMs += 1000;
  await refuse();
  expect(lines).toHaveLength(6);
  expect(lines.at(-1)).toMatchObject({ status: 400, suppressed: 15 });
});

describe('a bug in a handler ends its connection only, and is logged once', () => {
  const planted = (): never => {
    throw new Error('planted');
  };

  async function startFaulty() {
    const faults: unknown[] = [];
    const error = (fields: Record<string, unknown>) => void faults.push(fields);
    const all = await start({ log: { ...log, info: planted, error } });
    const check = async (connections: number): Promise<void> => {
      expect(faults).toMatchObject([{ door: 'rtsp', err: { message: 'planted' } }]);
      expect((await all.client().ask('OPTIONS', all.uri)).status).toBe(200);
      expect(all.server.connections).toBe(connections + 1);
    };
    return { ...all, check };
  }

  test('before its ANNOUNCE', async () => {
    const { client, check } = await startFaulty();
    const stranger = client();
    stranger.socket.write('nonsense\r\n\r\n'); // to be logged at level info
    await once(stranger.socket, 'close');
    await check(0);
  });

  test('while its ANNOUNCE is refused', async () => {
    const { client, worker, uri, check } = await startFaulty();
    worker.refusal = new Error('no worker');
    const publisher = client();
    publisher.send('ANNOUNCE', uri, [], SDP);
    await once(publisher.socket, 'close');
    await check(0);
  });

  test('after its ANNOUNCE, and the worker is told', async () => {
    const { client, worker, uri, check } = await startFaulty();
    const [publisher, other] = [client(), client()];
    for (const each of [publisher, other]) each.send('ANNOUNCE', uri, [], SDP);
    await worker.until(() => worker.adopted.length === 2 && worker.bytes > 2 * SDP.length);
    const write = vi.spyOn(Socket.prototype, 'write').mockImplementationOnce(planted);
    worker.adopted[0]?.port.postMessage({ type: 'bytes', bytes: Buffer.from('RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n') });
    await worker.until(() => worker.ended !== undefined);
    write.mockRestore();
    await check(1);
  });
});

test('connections that do not finish their TLS handshake are few, and their places come back', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'shardcast-rtsps-'));
  const { certPem, keyPem } = await makeCertificate();
  writeFileSync(join(directory, 'server.key'), keyPem);
  writeFileSync(join(directory, 'server.crt'), certPem);
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  const certificate = new CertificateFiles({ key: 'server.key', cert: 'server.crt', directory, log });
  try {
    const { server, uri } = await start({ certificate, maxPending: 2 });
    const silent = [new RtspClient(server.port), new RtspClient(server.port)];
    await Promise.all(silent.map(({ socket }) => once(socket, 'connect')));
    const third = new RtspClient(server.port);
    await once(third.socket, 'close');
    const ended = silent.map(({ socket }) => once(socket, 'close'));
    for (const { socket } of silent) socket.destroy();
    await Promise.all(ended);
    // More than there are places, one after the other: those that finished hold none.
    const open: TLSSocket[] = [];
    await vi.waitFor(async () => {
      const socket = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
      open.push(socket);
      await once(socket, 'secureConnect');
      socket.write(`OPTIONS ${uri} RTSP/1.0\r\nCSeq: 1\r\n\r\n`);
      expect(String((await once(socket, 'data'))[0])).toMatch(/^RTSP\/1\.0 /);
      expect(open.length).toBeGreaterThan(3);
    });
    for (const socket of open) socket.destroy();
  } finally {
    certificate.close();
    rmSync(directory, { recursive: true });
  }
});
