import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AddressRule, DescriptorClaim, MAX_UNSENT_BYTES, type RtspCarrier, socketHandle } from '@shardcast/shared';
import { afterEach, describe, expect, test } from 'vitest';
import { loadNativeAddon } from '../../fastpath/native-addon.ts';
import type { ByteConnection } from './byte-connection.ts';
import { Connections } from './connections.ts';

const local = (port: number) => ({ host: '127.0.0.1', port, allows: () => true });

/** Collects garbage first. */
function collected(references: readonly WeakRef<object>[]): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return references.filter((reference) => reference.deref() === undefined).length;
}

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listen(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // listen() on a TCP port gives an AddressInfo
  return { server, port: (server.address() as AddressInfo).port };
}

/** Not all of them are addresses to every resolver; none may lead anywhere. */
const SPELLINGS_OF_THIS_HOST = [
  ...['127.0.0.1', '127.1', '127.0.1', '0x7f.1', '0x7f000001', '0x7f.0x0.0x0.0x1', '2130706433', '017700000001'],
  ...[
    '0177.0.0.1',
    '0177.0x0.0.1',
    '127.0.0.01',
    '127.000.000.001',
    '127.255.255.254',
    '127.0.0.2',
    'localhost',
    'LOCALHOST',
  ],
  ...[
    'localhost.',
    '::1',
    '0:0:0:0:0:0:0:1',
    '0000::0001',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:FFFF:127.0.0.1',
  ],
  ...[
    '::127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '2002:7f00:1::1',
    '0.0.0.0',
    '0',
    '::',
    '[::1]',
    '127。0。0。1',
  ],
];

const loaded = loadNativeAddon();
const addon = 'addon' in loaded ? loaded.addon : undefined;
const kinds = [
  { kind: "Node's sockets", connections: new Connections(undefined), isNative: false },
  ...(addon === undefined
    ? []
    : [{ kind: "the addon's sockets", connections: new Connections(addon), isNative: true }]),
];

describe.each(kinds)('over $kind', ({ connections, isNative }) => {
  async function dial(server: Server, port: number) {
    const accepted = once(server, 'connection');
    let text = '';
    let changed: () => void = () => undefined;
    const connection = await new Promise<ByteConnection>((resolve) => {
      const dialled = connections.dial(local(port), () => resolve(dialled));
    });
    connection.onBytes = (buffer, start, end) => {
      text += buffer.toString('latin1', start, end);
      changed();
    };
    const until = async (isMet: (text: string) => boolean) => {
      while (!isMet(text)) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
      return text;
    };
    const [socket]: Socket[] = await accepted;
    if (socket === undefined) throw new Error('nobody came');
    return { connection, socket, until };
  }

  test('connections that share a read buffer each get their own bytes', async () => {
    const { server, port } = await listen();
    const pairs = [await dial(server, port), await dial(server, port), await dial(server, port)];
    const texts = pairs.map((_, index) => String(index).repeat(300_000));
    for (const [index, { socket }] of pairs.entries()) socket.write(texts[index] ?? '');
    const received = await Promise.all(pairs.map(({ until }) => until((text) => text.length >= 300_000)));
    expect(received).toEqual(texts);
    expect(pairs[0]?.connection).toMatchObject({ remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' });
  });

  test('what was written before close arrives, and nothing is heard after it', async () => {
    const { server, port } = await listen();
    const { connection, socket } = await dial(server, port);
    let closed = 0;
    connection.onClose = () => closed++;
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    connection.write(Buffer.alloc(500_000));
    connection.close();
    connection.close();
    connection.write(Buffer.from('late'));
    await once(socket, 'close');
    expect([bytes, closed]).toEqual([500_000, 0]);
  });

  test('a peer that goes is reported once, in words', async () => {
    const { server, port } = await listen();
    const { connection, socket } = await dial(server, port);
    const reason = new Promise((resolve) => {
      connection.onClose = resolve;
    });
    socket.end();
    expect(await reason).toBe('the peer closed the connection');
    server.close();
    await once(server, 'close');
    const refused = connections.dial(local(port), () => undefined);
    const words = await new Promise((resolve) => {
      refused.onClose = resolve;
    });
    expect(words).toBe('connection refused');
  });

  // Threat 18: a URL that leads where it should not, in whatever spelling.
  test('SSRF: however an address is spelt, nothing outside the allowed networks is connected to', async () => {
    const { port } = await listen();
    const rule = new AddressRule(['192.0.2.0/24', '2001:db8::/32']);
    const asked: string[] = [];
    const allows = (address: string) => {
      asked.push(address);
      return rule.allows(address);
    };
    for (const host of SPELLINGS_OF_THIS_HOST) {
      const refused = connections.dial({ host, port, allows }, () => {
        throw new Error(`connected to ${host}`);
      });
      const reason = await new Promise<string>((resolve) => {
        refused.onClose = resolve;
      });
      expect([host, reason]).toEqual([host, expect.stringMatching(/outside sourceNetworks|host name/)]);
    }
    expect(sockets).toEqual([]);
    expect(asked).toContain('127.0.0.1');
    const allowed = new AddressRule(['127.0.0.0/8']);
    const connected = await new Promise<ByteConnection>((resolve) => {
      const target = { host: 'localhost', port, allows: (address: string) => allowed.allows(address) };
      const dialled = connections.dial(target, () => resolve(dialled));
    });
    expect(connected.remoteAddress).toBe('127.0.0.1');
    connected.close();
  });

  test('a peer that does not read is dropped, not waited for', async () => {
    const { server, port } = await listen();
    const { connection, socket } = await dial(server, port);
    socket.pause();
    const reason = new Promise((resolve) => {
      connection.onClose = resolve;
    });
    const piece = Buffer.alloc(MAX_UNSENT_BYTES);
    const writing = setInterval(() => connection.write(piece), 1);
    expect(await reason).toBe('the peer does not read its answers');
    clearInterval(writing);
  });

  describe.runIf(isNative)('a connection by a descriptor', () => {
    const carrier = (descriptor: number): Extract<RtspCarrier, { type: 'descriptor' }> => ({
      type: 'descriptor',
      descriptor,
      claim: new DescriptorClaim().memory,
      first: new Uint8Array(Buffer.from('first ')),
    });

    test('begins with what its other owner had read, then reads and writes', async () => {
      const { server, port } = await listen();
      const { connection: client, socket, until } = await dial(server, port);
      socket.pause();
      const offer = carrier(addon?.duplicateDescriptor(socketHandle(socket)?.fd ?? -1) ?? -1);
      client.write(Buffer.from('second'));
      const adopted = connections.adopt(offer, '');
      expect(new DescriptorClaim(offer.claim).withdraw()).toBe(false);
      socket.destroy();
      const text = await new Promise<string>((resolve) => {
        let text = '';
        adopted.onBytes = (buffer, start, end) => {
          text += buffer.toString('latin1', start, end);
          if (text.endsWith('second')) resolve(text);
        };
      });
      expect(text).toBe('first second');
      expect(adopted).toMatchObject({ remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' });
      adopted.write(Buffer.from('answer'));
      adopted.close();
      expect(await until((heard) => heard === 'answer')).toBe('answer');
    });

    test('is not made of one that was withdrawn', () => {
      const offer = carrier(0);
      expect(new DescriptorClaim(offer.claim).withdraw()).toBe(true);
      expect(() => connections.adopt(offer, '')).toThrow('withdrawn');
    });

    test('gives back what is no socket', () => {
      const offer = carrier(1_000_000);
      expect(() => connections.adopt(offer, '')).toThrow();
      expect(new DescriptorClaim(offer.claim).withdraw()).toBe(true);
    });
  });

  test('a peer that floods gets a few reads a turn of the loop', async () => {
    const { server, port } = await listen();
    const { connection, socket } = await dial(server, port);
    let readsThisTurn = 0;
    let mostReads = 0;
    let bytes = 0;
    let done: () => void = () => undefined;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const total = 32 * 1024 * 1024;
    connection.onBytes = (_buffer, start, end) => {
      bytes += end - start;
      if (readsThisTurn++ === 0)
        setImmediate(() => {
          mostReads = Math.max(mostReads, readsThisTurn);
          readsThisTurn = 0;
        });
      if (bytes === total) done();
    };
    socket.write(Buffer.alloc(total));
    await all;
    await new Promise((resolve) => setImmediate(resolve));
    expect(mostReads).toBeLessThanOrEqual(isNative ? 1 : 32); // libuv's own bound
  });

  test.runIf(isNative)(
    'many that have much to say take turns: none is passed over, and no turn of the loop is long',
    async () => {
      const { server, port } = await listen();
      const pairs: Awaited<ReturnType<typeof dial>>[] = [];
      while (pairs.length < 40) pairs.push(await dial(server, port));
      const reads = pairs.map(() => 0);
      const firstOfAll: number[] = [];
      let readsThisTurn = 0;
      let mostReads = 0;
      for (const [index, { connection }] of pairs.entries()) {
        connection.onBytes = () => {
          if (reads[index] === 2) firstOfAll.push(Math.min(...reads));
          reads[index] = (reads[index] ?? 0) + 1;
          const until = performance.now() + 2;
          while (performance.now() < until);
          if (readsThisTurn++ > 0) return;
          setImmediate(() => {
            mostReads = Math.max(mostReads, readsThisTurn);
            readsThisTurn = 0;
          });
        };
      }
      for (const { socket } of pairs) socket.write(Buffer.alloc(600_000));
      await expect.poll(() => reads.every((count) => count >= 3), { timeout: 10_000 }).toBe(true);
      expect(mostReads).toBeLessThanOrEqual(3); // 5 ms, and the one that is over them
      expect(Math.min(...firstOfAll)).toBeGreaterThanOrEqual(1);
    },
  );

  test('a peer that resets the connection is reported, in words', async () => {
    const { server, port } = await listen();
    const { connection, socket } = await dial(server, port);
    const reason = new Promise((resolve) => {
      connection.onClose = resolve;
    });
    socket.resetAndDestroy();
    expect(await reason).toBe('connection reset');
  });

  test('a connection that is closed is collected', async () => {
    const { server, port } = await listen();
    const closed: WeakRef<ByteConnection>[] = [];
    for (let i = 0; i < 5; i++) {
      const { connection, socket } = await dial(server, port);
      closed.push(new WeakRef(connection));
      if (i % 2 === 0) connection.close();
      else
        await new Promise<string>((resolve) => {
          connection.onClose = resolve;
          socket.destroy();
        });
    }
    await expect.poll(() => collected(closed)).toBeGreaterThanOrEqual(4); // the loop's last may still be on the stack
  });

  test('what waits to be sent when it is closed is sent, in order', async () => {
    const { server, port } = await listen();
    const { connection, socket } = await dial(server, port);
    socket.pause();
    const text = Array.from({ length: 200 }, (_, i) => String(i % 10).repeat(4000)).join('');
    for (let at = 0; at < text.length; at += 4000) connection.write(Buffer.from(text.slice(at, at + 4000)));
    connection.close();
    let heard = '';
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
    });
    socket.resume();
    await once(socket, 'close');
    expect(heard === text).toBe(true);
  });
});
