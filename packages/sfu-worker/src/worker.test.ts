import { MessageChannel } from 'node:worker_threads';
import { MAX_SESSIONS, SESSION_DOUBLES, Telemetry, type WorkerEvent } from '@shardcast/shared';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TestClient } from '../test/session/test-client.ts';
import { Stream } from './forward/stream.ts';
import { WhipSession } from './ingress/whip-session.ts';
import { makeCertificate } from './session/dtls/certificate.ts';
import { ShardWorker } from './worker.ts';

/** A busy machine takes its time. */
const eventually = (claim: () => void): Promise<void> => vi.waitFor(claim, 10_000);

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

/** A worker with the streams `a` and `b`, in this thread, and what it tells main. */
async function start() {
  const { port1, port2 } = new MessageChannel();
  const telemetry = Telemetry.allocate();
  const events: WorkerEvent[] = [];
  const boot = {
    settings: {
      worker: 0,
      udp: { host: '127.0.0.1', port: 0 },
      candidateAddresses: ['127.0.0.1'],
      certificate: await makeCertificate(),
      rtcpIntervalMs: 100,
      nack: false,
      fastPath: 'portable' as const,
      dtls: 'werift' as const,
      bufferPool: true,
      poolSlots: 256,
      udpMaxPayloadSize: 1452,
      keyframeCache: { maxBytes: 1 << 20, maxAgeMs: 10_000 },
      rtspTransports: ['tcp' as const],
      handshakeTimeoutMs: 10_000,
      consentTimeoutMs: 30_000,
      readTimeoutMs: 10_000,
      sourceNetworks: [],
      publisherGraceMs: 10_000,
      logLevel: 'error' as const,
    },
    port: port1,
    telemetry,
    sessionCounters: new SharedArrayBuffer(MAX_SESSIONS * SESSION_DOUBLES * 8),
  };
  const worker = await ShardWorker.start(boot, (event) => events.push(event));
  opened.push(worker, port1, port2);
  for (const [slot, path] of ['a', 'b'].entries()) {
    await worker.handle({ type: 'open-stream', path, slot, overridePublisher: false });
  }
  return { worker, events, faults: () => new Telemetry(telemetry).worker('faults') };
}

async function publish(worker: ShardWorker, path: string) {
  const client = new TestClient('sendonly');
  opened.push(client);
  const session = `publisher of ${path}`;
  const slot = path === 'a' ? 0 : 1;
  const reply = await worker.handle({ type: 'publish', path, session, slot, offer: await client.offer() });
  await client.connect('answer' in reply ? String(reply.answer) : '');
  return client;
}

const planted = () => {
  throw new TypeError('planted');
};

describe('a bug that shows', () => {
  test.each([
    ['in the deadlines of a stream', () => vi.spyOn(Stream.prototype, 'tick')],
    ['in the reports of a stream', () => vi.spyOn(Stream.prototype, 'sendReports')],
  ])('%s makes it a new stream, and the worker goes on', async (_where, spy) => {
    const { worker, events, faults } = await start();
    await publish(worker, 'a').then((client) => client.send('hello'));
    await eventually(() => expect(events).toContainEqual(expect.objectContaining({ event: 'stream-online' })));
    const mock = spy();
    mock.mockImplementation(function (this: Stream) {
      if (this.path === 'a') planted();
    });
    await eventually(() => expect(events).toContainEqual(expect.objectContaining({ event: 'stream-offline' })));
    mock.mockRestore();
    expect(faults()).toBeGreaterThan(0);
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'session-closed', session: 'publisher of a', reason: 'an internal error' }),
    );
    const again = await publish(worker, 'a');
    const before = events.length;
    again.send('hello again');
    await eventually(() =>
      expect(events.slice(before)).toContainEqual(expect.objectContaining({ event: 'stream-online' })),
    );
  });

  test('in a session ends that session, and the other stays', async () => {
    const { worker, events, faults } = await start();
    await publish(worker, 'a');
    await publish(worker, 'b');
    vi.spyOn(WhipSession.prototype, 'tick').mockImplementation(function (this: WhipSession) {
      if (this.path === 'a') planted();
    });
    await eventually(() => expect(faults()).toBe(1));
    expect(events.filter(({ event }) => event === 'session-closed')).toMatchObject([{ session: 'publisher of a' }]);
  });

  test('when packets are flushed ends that publisher, once', async () => {
    const { worker, events, faults } = await start();
    const flush = vi.spyOn(WhipSession.prototype, 'flush').mockImplementation(planted);
    const client = await publish(worker, 'a');
    await eventually(() => {
      client.send('hello', true, false);
      expect(flush).toHaveBeenCalled();
    });
    expect(faults()).toBe(1);
    expect(events.filter(({ event }) => event === 'session-closed')).toMatchObject([{ session: 'publisher of a' }]);
  });

  test('when joining viewers are paced makes a new stream', async () => {
    const { worker, events, faults } = await start();
    const client = await publish(worker, 'a');
    client.send('hello');
    await eventually(() => expect(events).toContainEqual(expect.objectContaining({ event: 'stream-online' })));
    const pace = vi.spyOn(Stream.prototype, 'pace').mockImplementation(function (this: Stream) {
      if (this.path === 'a') planted();
      return false;
    });
    const viewer = new TestClient('recvonly');
    opened.push(viewer);
    const large = 'x'.repeat(1000);
    for (let n = 0; n < 100; n++) client.send(large, n === 0);
    const offer = await viewer.offer();
    const reply = await worker.handle({ type: 'subscribe', path: 'a', session: 'viewer', slot: 1, offer });
    await viewer.connect('answer' in reply ? String(reply.answer) : '');
    await eventually(() => expect(pace).toHaveBeenCalled());
    await eventually(() => expect(faults()).toBe(1));
    expect(events.filter(({ event }) => event === 'session-closed')).toHaveLength(2);
  });
});
