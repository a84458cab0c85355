import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Telemetry } from '@shardcast/shared';
import { afterEach, describe, expect, test } from 'vitest';
import { loadNativeAddon } from '../../fastpath/native-addon.ts';
import { nativePairSockets, openNodePairSocket } from './pair-socket.ts';
import { UdpPair } from './udp-pair.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function peer(address = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, address);
  await once(socket, 'listening');
  open.push(socket);
  return socket;
}

/** Resolves once the datagram is in the receiver's socket: loopback delivers within the call. */
function send(from: Socket, text: string, port: number): Promise<void> {
  return new Promise((resolve) => from.send(text, port, '127.0.0.1', () => resolve()));
}

class Received {
  readonly rtp: string[] = [];
  readonly rtcp: string[] = [];
  flushes = 0;
  #resolve: () => void = () => undefined;
  readonly handler = {
    rtp: (buffer: Buffer, start: number, end: number) => void this.rtp.push(buffer.toString('utf8', start, end)),
    rtcp: (buffer: Buffer, start: number, end: number) => {
      this.rtcp.push(buffer.toString('utf8', start, end));
      this.#resolve();
    },
    flush: () => {
      this.flushes++;
      this.#resolve();
    },
  };
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
  }
}

const loaded = loadNativeAddon();
const log = { error() {}, warn() {}, info() {}, debug() {} };
const kinds = [
  { kind: "Node's sockets", openSocket: openNodePairSocket },
  ...('addon' in loaded
    ? [
        {
          kind: "the addon's sockets",
          openSocket: nativePairSockets(loaded.addon, { telemetry: new Telemetry(Telemetry.allocate()), log }),
        },
      ]
    : []),
];

describe.each(kinds)('over $kind', ({ openSocket }) => {
  async function pair() {
    const received = new Received();
    const opened = await UdpPair.open({
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      handler: received.handler,
      openSocket,
    });
    if (opened === undefined) throw new Error('no UDP ports');
    open.push(opened);
    return { received, pair: opened };
  }

  test('ports are an even one and the next', async () => {
    const pairs = await Promise.all(Array.from({ length: 8 }, pair));
    for (const { pair } of pairs) expect(pair.port % 2).toBe(0);
    expect(new Set(pairs.map(({ pair }) => pair.port)).size).toBe(8);
  });

  test('packets of the peer come through and are flushed, those of other hosts and ports do not', async () => {
    const { received, pair: ports } = await pair();
    const [camera, samePlace, elsewhere] = [await peer(), await peer(), await peer('127.0.0.2')];
    await send(elsewhere, 'forged', ports.port);
    await send(camera, 'one', ports.port);
    await received.until(() => received.flushes > 0);
    await send(samePlace, 'late', ports.port);
    await send(camera, 'two', ports.port);
    await received.until(() => received.rtp.length === 2 && received.flushes > 1);
    expect(received.rtp).toEqual(['one', 'two']);
    expect(ports.counters.foreign).toBe(2);
  });

  test('RTCP goes to where it was announced, then to where it comes from', async () => {
    const { received, pair: ports } = await pair();
    const [announced, real] = [await peer(), await peer()];
    ports.sendRtcp(Buffer.from('nowhere to go'));
    ports.expect(1, announced.address().port);
    ports.sendRtcp(Buffer.from('first'));
    expect(String((await once(announced, 'message'))[0])).toBe('first');
    real.send('report', ports.port + 1, '127.0.0.1');
    await received.until(() => received.rtcp.length === 1);
    ports.sendRtcp(Buffer.from('second'));
    expect(String((await once(real, 'message'))[0])).toBe('second');
  });

  test('nothing is handed on or sent after close', async () => {
    const { pair: ports } = await pair();
    ports.close();
    ports.close();
    ports.punch();
    ports.sendRtcp(Buffer.from('x'));
  });

  test('packets that wait are one batch, and what pairs receive in turn is not mixed up', async () => {
    const [one, other] = [await pair(), await pair()];
    const camera = await peer();
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(50));
    for (const text of texts) {
      await send(camera, `a${text}`, one.pair.port);
      await send(camera, `b${text}`, other.pair.port);
    }
    await one.received.until(() => one.received.rtp.length === texts.length);
    await other.received.until(() => other.received.rtp.length === texts.length);
    expect(one.received.rtp).toEqual(texts.map((text) => `a${text}`));
    expect(other.received.rtp).toEqual(texts.map((text) => `b${text}`));
    expect(one.received.flushes).toBeGreaterThan(0);
  });

  test('an address that is not of this host opens nothing', async () => {
    // TEST-NET-1 (RFC 5737): no interface here has this address.
    expect(await openSocket('192.0.2.1', 0)).toBeUndefined();
  });
});
