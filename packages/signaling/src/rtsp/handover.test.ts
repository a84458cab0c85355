import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { descriptorDuplicator } from '@shardcast/sfu-worker';
import { DescriptorClaim, type RtspCarrier, ShardcastError, writeRequest } from '@shardcast/shared';
import { afterEach, describe, expect, test } from 'vitest';
import { authorise } from '../../test/default-authorise.ts';
import type { Caller } from '../paths/media.ts';
import { RtspServer } from './server.ts';

const anyone = { authorise, takesDigest: () => false };

const duplicate = descriptorDuplicator({ fastPath: 'auto', bufferPool: true });
const ignore = () => undefined;
const log = { error: ignore, warn: ignore, info: ignore, debug: ignore };
const SDP = 'v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n';
const ROUNDS = 20;

type Descriptor = Extract<RtspCarrier, { type: 'descriptor' }>;
type Adopt = (carrier: Descriptor) => Promise<void>;

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

/** Sockets that this process has open. */
function sockets(): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
    } catch {
      return false; // the directory's own
    }
  }).length;
}

async function start(adopt: Adopt, headerTimeoutMs = 10_000) {
  const adoptRtsp = async (_path: string, _caller: Caller, carrier: RtspCarrier) => {
    if (carrier.type !== 'descriptor') throw new Error('it was to be handed over');
    await adopt(carrier);
  };
  const server = new RtspServer({
    host: '127.0.0.1',
    port: 0,
    media: { adoptRtsp },
    duplicate,
    ...anyone,
    log,
    headerTimeoutMs,
  });
  opened.push(server);
  await server.listen();
  return server;
}

function announce(port: number, after = ''): Socket {
  const client = connect(port, '127.0.0.1').on('error', ignore);
  const uri = `rtsp://127.0.0.1:${port}/cam`;
  const headers = [['cseq', '1'] as const, ['authorization', 'Basic c2VjcmV0'] as const];
  client.write(
    Buffer.concat([writeRequest({ method: 'ANNOUNCE', uri, headers, body: Buffer.from(SDP) }), Buffer.from(after)]),
  );
  return client;
}

/** As a worker does it, in this thread. */
function take({ descriptor, claim }: Descriptor): Socket {
  expect(new DescriptorClaim(claim).take()).toBe(true);
  return new Socket({ fd: descriptor }).on('error', ignore);
}

describe.skipIf(duplicate === undefined)('a publisher whose socket is handed over', () => {
  test('is read and answered by the worker from the first byte that main did not take', async () => {
    const workers: Socket[] = [];
    let text = '';
    let decide: () => void = ignore;
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    const server = await start(async (carrier) => {
      await decided; // what comes meanwhile is nobody's but the worker's
      const socket = take(carrier);
      const hear = (bytes: Uint8Array) => {
        text += Buffer.from(bytes).toString('latin1');
        if (text.endsWith('$third')) socket.write('heard');
      };
      hear(carrier.first);
      socket.on('data', hear);
      workers.push(socket);
    });
    const client = announce(server.port, '$first');
    await once(client, 'connect');
    client.write('$second');
    await new Promise<void>((resolve) => client.write('$third', () => resolve()));
    decide();
    await once(client, 'data');
    expect(text).toMatch(/^ANNOUNCE [\s\S]*H264\/90000\r\n\$first\$second\$third$/);
    expect(text).not.toMatch(/authorization/i);
    expect(server.connections).toBe(0);
    client.destroy();
    await once(workers[0] as Socket, 'close');
  });

  /** Lets publishers come and go, and looks at what is left of them. */
  async function leftAfter(adopt: Adopt, end: (client: Socket) => void = ignore): Promise<number> {
    const server = await start(adopt, 500);
    const round = async () => {
      const client = announce(server.port);
      end(client);
      if (!client.closed) await once(client.resume(), 'close');
      while (server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await round();
    const before = sockets();
    for (let i = 0; i < ROUNDS; i++) await round();
    return sockets() - before;
  }

  test('leaves no descriptor open when the worker takes it', async () => {
    const ends: Promise<unknown>[] = [];
    const left = await leftAfter(async (carrier) => {
      const socket = take(carrier);
      ends.push(once(socket, 'close'));
      socket.end('RTSP/1.0 200 OK\r\n\r\n');
    });
    await Promise.all(ends);
    expect(left).toBeLessThanOrEqual(0);
  });

  test.each([
    ['refuses the path', async () => Promise.reject(new ShardcastError('PUBLISHER_EXISTS', 'in words'))],
    [
      'cannot use the descriptor',
      async ({ claim: memory }: Descriptor) => {
        const claim = new DescriptorClaim(memory);
        claim.take();
        claim.giveBack();
        throw new Error('no socket');
      },
    ],
    ['says that it took it and did not', async () => undefined],
  ])('leaves none when the worker %s', async (_what, adopt) => {
    expect(await leftAfter(adopt)).toBe(0);
  });

  test('leaves none when its worker dies before it looked, or after it took it', async () => {
    const script = `
      const { workerData: { descriptor, claim, takes }, parentPort } = require('node:worker_threads');
      if (takes) {
        Atomics.store(new Int32Array(claim), 0, 1);
        new (require('node:net').Socket)({ fd: descriptor });
      }
      parentPort.postMessage('ready');
      setInterval(() => {}, 1000);`;
    let round = 0;
    const left = await leftAfter(async ({ descriptor, claim }) => {
      const worker = new Worker(script, { eval: true, workerData: { descriptor, claim, takes: round++ % 2 === 1 } });
      await once(worker, 'message');
      await worker.terminate();
      throw new ShardcastError('WORKER_LOST', 'the worker was lost before it answered');
    });
    expect(left).toBe(0);
  });

  test('leaves none when it goes away before the worker has answered', async () => {
    const left = await leftAfter(
      async (carrier) => {
        const socket = take(carrier);
        await once(socket.resume(), 'close');
      },
      (client) => client.end(),
    );
    expect(left).toBe(0);
  });

  test('is not to be taken any more when main has given up', async () => {
    const late: Descriptor[] = [];
    const left = await leftAfter(async (carrier) => {
      late.push(carrier);
      throw new ShardcastError('WORKER_LOST', 'the worker was lost before it answered');
    });
    expect(left).toBe(0);
    expect(late.some(({ claim }) => new DescriptorClaim(claim).take())).toBe(false);
  });
});

test('a socket that cannot be handed over is relayed', async () => {
  const seen: string[] = [];
  const server = new RtspServer({
    host: '127.0.0.1',
    port: 0,
    ...anyone,
    duplicate: () => {
      throw new Error('no descriptors left');
    },
    media: {
      adoptRtsp: async (_path, _remote, carrier) => {
        seen.push(carrier.type);
        throw new ShardcastError('PUBLISHER_EXISTS', 'in words');
      },
    },
    log,
  });
  opened.push(server);
  await server.listen();
  await once(announce(server.port).resume(), 'close');
  expect(seen).toEqual(['relay']);
});
