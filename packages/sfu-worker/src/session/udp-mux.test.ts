import { networkInterfaces } from 'node:os';
import { Telemetry, WORKER } from '@shardcast/shared';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Seeded } from '../../test/rtp/seeded.ts';
import { attribute, attributesOf, connectivityCheck, isGenuine, message } from '../../test/session/stun-messages.ts';
import { UdpPeer } from '../../test/session/udp-peer.ts';
import type { StunRequest } from './stun.ts';
import { type MuxEndpoint, type RemoteAddress, UdpMux } from './udp-mux.ts';

/** No socket of the system's lets a test choose port 0 to send from, so the mux's own is told that such a thing came. */
const sockets = vi.hoisted((): import('node:dgram').Socket[] => []);
vi.mock('node:dgram', async (importOriginal) => {
  const actual = await importOriginal<typeof import('node:dgram')>();
  const createSocket = (options: import('node:dgram').SocketOptions) => {
    const socket = actual.createSocket(options);
    sockets.push(socket);
    return socket;
  };
  return { ...actual, createSocket };
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const DTLS = Buffer.from([22, 254, 253, 0, 0]);
const SRTP = Buffer.from([0x80, 96, 0, 1]);

class Session implements MuxEndpoint {
  ufrag: string;
  pwd: string;
  peerUfrag: string;
  readonly checks: { request: StunRequest; remote: RemoteAddress }[] = [];
  readonly datagrams: Buffer[] = [];
  /** Makes it throw in the middle of its stream's input. */
  telemetry: Telemetry | undefined;
  constructor(name: string) {
    this.ufrag = `${name}-ufrag`;
    this.pwd = `${name}-password-of-22-characters`;
    this.peerUfrag = `${name}-peer`;
  }
  onCheck(request: StunRequest, remote: RemoteAddress): void {
    this.checks.push({ request, remote });
  }
  onDatagram(datagram: Buffer): void {
    if (this.telemetry !== undefined) {
      this.telemetry.enter(7);
      throw new Error('a bug');
    }
    this.datagrams.push(Buffer.from(datagram));
  }
}

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
  sockets.length = 0;
});

async function makeMux(host = '127.0.0.1') {
  const telemetry = new Telemetry(Telemetry.allocate());
  const errors: string[] = [];
  const log = { error: (line: string) => errors.push(line), warn() {}, info() {}, debug() {} };
  const time = { nowMs: 1_000_000 };
  const mux = await UdpMux.open({ host, port: 0 }, { telemetry, log, clock: () => time.nowMs });
  opened.push(mux);
  const count = (field: keyof typeof WORKER) => telemetry.counters[WORKER[field]] ?? 0;
  return { mux, count, errors, time, telemetry };
}
async function makePeer(address?: string): Promise<UdpPeer> {
  const peer = await UdpPeer.open(address);
  opened.push(peer);
  return peer;
}

/**
 * Sends `datagrams` and then a check that is sure to be answered, and waits for that answer: on loopback the socket
 * reads in order, so all before was handled by then. Returns what came back for the datagrams themselves.
 */
async function repliesTo(peer: UdpPeer, port: number, datagrams: readonly Buffer[], sentinel: Session, at?: string) {
  for (const datagram of datagrams) await peer.send(datagram, port, at);
  const transactionId = Buffer.from('sentinel-012');
  await peer.send(connectivityCheck({ ...sentinel, transactionId }), port, at);
  const replies: Buffer[] = [];
  for (;;) {
    const reply = await peer.next();
    if (reply.subarray(8, 20).equals(transactionId)) return replies;
    replies.push(reply);
  }
}

describe('checks', () => {
  test('are answered, signed, with the address they came from, and reach their session', async () => {
    const { mux, count } = await makeMux();
    const peer = await makePeer();
    const session = new Session('a');
    mux.register(session);
    await peer.send(connectivityCheck({ ...session, useCandidate: true }), mux.port);
    const reply = await peer.next();
    expect(isGenuine(reply, session.pwd)).toBe(true);
    const mapped = attributesOf(reply).get(0x20)?.value;
    expect(mapped?.readUInt16BE(2)).toBe(peer.port ^ 0x2112);
    expect(session.checks).toHaveLength(1);
    expect(session.checks[0]?.request.useCandidate).toBe(true);
    expect(session.checks[0]?.remote).toEqual({ address: '127.0.0.1', port: peer.port });
    expect([count('datagramsIn'), count('datagramsOut')]).toEqual([1, 1]);
  });

  test.each([
    [
      'unsigned',
      'stunRejectedMalformed',
      (s: Session) => message(1, [attribute(6, Buffer.from(`${s.ufrag}:${s.peerUfrag}`))]),
    ],
    [
      'signed with another password',
      'stunRejectedIntegrity',
      (s: Session) => connectivityCheck({ ...s, pwd: 'guessed' }),
    ],
    [
      'for a ufrag that nobody has',
      'stunRejectedUnknownUfrag',
      (s: Session) => connectivityCheck({ ...s, ufrag: 'guessed' }),
    ],
    [
      "with another peer's ufrag",
      'stunRejectedIntegrity',
      (s: Session) => connectivityCheck({ ...s, peerUfrag: 'other' }),
    ],
    ['that are not STUN', 'stunRejectedMalformed', () => Buffer.from([0, 1, 2, 3])],
    ['that are responses', 'stunRejectedMalformed', () => message(0x0101, [])],
  ] as const)('%s get no answer, bind nothing and are counted', async (_how, counter, forge) => {
    const { mux, count } = await makeMux();
    const victim = new Session('victim');
    const sentinel = new Session('sentinel');
    mux.register(victim);
    mux.register(sentinel);
    const [attacker, honest] = [await makePeer(), await makePeer()];
    for (let i = 0; i < 5; i++) await attacker.send(forge(victim), mux.port);
    await attacker.send(SRTP, mux.port);
    await repliesTo(honest, mux.port, [], sentinel);
    expect(attacker.received).toEqual([]);
    expect(victim.checks).toEqual([]);
    expect(victim.datagrams).toEqual([]);
    expect(count(counter)).toBe(5);
    expect(count('droppedUnknownSource')).toBe(1);
    expect(count('datagramsOut')).toBe(1);
  });

  test('a stranger may fail 100 times at once and 50 times a second; a session that is there is not slowed', async () => {
    const { mux, count, time } = await makeMux();
    const session = new Session('a');
    const sentinel = new Session('sentinel');
    mux.register(session);
    mux.register(sentinel);
    const [known, stranger] = [await makePeer(), await makePeer()];
    await repliesTo(known, mux.port, [], sentinel);
    const forged = connectivityCheck({ ...session, pwd: 'guessed' });
    await repliesTo(
      known,
      mux.port,
      Array.from({ length: 10 }, () => SRTP),
      sentinel,
    );
    for (let i = 0; i < 150; i++) await stranger.send(forged, mux.port);
    await repliesTo(known, mux.port, [], sentinel);
    expect(count('stunRejectedIntegrity')).toBe(100);
    expect(count('stunRejectedRate')).toBe(50);
    time.nowMs += 200;
    for (let i = 0; i < 20; i++) await stranger.send(forged, mux.port);
    await repliesTo(known, mux.port, [], sentinel);
    expect(count('stunRejectedIntegrity')).toBe(110);
    expect(stranger.received).toEqual([]);
  });

  test('of a session are answered 100 times at once and 50 times a second; those of another are not fewer for it', async () => {
    const { mux, count, time } = await makeMux();
    const [eager, calm] = [new Session('eager'), new Session('calm')];
    mux.register(eager);
    mux.register(calm);
    const [a, b] = [await makePeer(), await makePeer()];
    const check = connectivityCheck({ ...eager, useCandidate: true });
    const flood = async (size: number) => {
      for (let n = 0; n < size; n++) await (n % 2 === 0 ? a : b).send(check, mux.port);
      await repliesTo(b, mux.port, [], calm);
    };
    await flood(130);
    expect(eager.checks).toHaveLength(100);
    expect(count('stunRejectedRate')).toBe(30);
    time.nowMs += 1000;
    await flood(60);
    expect(eager.checks).toHaveLength(150);
    expect(a.received.length + b.received.length).toBe(152);
    // Checks that do not verify use nothing up.
    time.nowMs += 20;
    for (let n = 0; n < 5; n++) await a.send(connectivityCheck({ ...eager, pwd: 'guessed' }), mux.port);
    await flood(1);
    expect(eager.checks).toHaveLength(151);
  });

  test('300 sessions may begin from one address at once', async () => {
    const { mux, count } = await makeMux();
    const peer = await makePeer();
    for (let n = 0; n < 300; n++) {
      const session = new Session(`viewer-${n}`);
      mux.register(session);
      // The address is another session's by now, thus a stranger to this one.
      await peer.send(connectivityCheck(session), mux.port);
      expect(isGenuine(await peer.next(), session.pwd)).toBe(true);
    }
    expect(count('stunRejectedRate')).toBe(0);
  });

  test('from port 0, where no answer can go, bind nothing and break nothing', async () => {
    const { mux, count, errors } = await makeMux();
    const [session, sentinel] = [new Session('a'), new Session('sentinel')];
    mux.register(session);
    mux.register(sentinel);
    const from = { address: '127.0.0.1', family: 'IPv4', port: 0, size: 0 };
    for (const datagram of [connectivityCheck(session), DTLS, SRTP]) sockets[0]?.emit('message', datagram, from);
    expect([session.checks, session.datagrams, errors]).toEqual([[], [], []]);
    expect(count('droppedUnknownSource')).toBe(3);
    await repliesTo(await makePeer(), mux.port, [], sentinel);
  });
});

describe('DTLS and SRTP', () => {
  test('from an address without a verified check are counted and reach nobody', async () => {
    const { mux, count } = await makeMux();
    const session = new Session('a');
    mux.register(session);
    const [known, stranger] = [await makePeer(), await makePeer()];
    await repliesTo(known, mux.port, [], session);
    for (const datagram of [DTLS, SRTP, Buffer.from([255])]) await stranger.send(datagram, mux.port);
    await repliesTo(known, mux.port, [DTLS, SRTP], session);
    expect(session.datagrams).toEqual([DTLS, SRTP]);
    expect(count('droppedUnknownSource')).toBe(3);
    expect(stranger.received).toEqual([]);
  });

  test('of two sessions are kept apart, and an address goes to the session whose check came last', async () => {
    const { mux } = await makeMux();
    const [a, b] = [new Session('a'), new Session('b')];
    mux.register(a);
    mux.register(b);
    const [peerA, peerB] = [await makePeer(), await makePeer()];
    await repliesTo(peerA, mux.port, [], a);
    await repliesTo(peerB, mux.port, [], b);
    await repliesTo(peerA, mux.port, [DTLS], a);
    await repliesTo(peerB, mux.port, [SRTP], b);
    expect([a.datagrams, b.datagrams]).toEqual([[DTLS], [SRTP]]);
    await repliesTo(peerA, mux.port, [], b); // the client's port is used again by another session
    await repliesTo(peerA, mux.port, [SRTP], b);
    expect([a.datagrams, b.datagrams]).toEqual([[DTLS], [SRTP, SRTP]]);
  });

  test('after unregister nothing of the session is left', async () => {
    const { mux, count } = await makeMux();
    const [gone, sentinel] = [new Session('gone'), new Session('sentinel')];
    mux.register(gone);
    mux.register(sentinel);
    const [peer, other] = [await makePeer(), await makePeer()];
    await repliesTo(peer, mux.port, [], gone);
    mux.unregister(gone);
    mux.unregister(gone);
    await peer.send(DTLS, mux.port);
    await peer.send(connectivityCheck(gone), mux.port);
    await repliesTo(other, mux.port, [], sentinel);
    expect(gone.datagrams).toEqual([]);
    expect(gone.checks).toHaveLength(1);
    expect([count('droppedUnknownSource'), count('stunRejectedUnknownUfrag')]).toEqual([1, 1]);
  });

  test('a session keeps the 16 addresses that were checked last', async () => {
    const { mux, count } = await makeMux();
    const session = new Session('a');
    mux.register(session);
    const first = await makePeer();
    const second = await makePeer();
    await repliesTo(first, mux.port, [], session);
    await repliesTo(second, mux.port, [], session);
    for (let n = 0; n < 14; n++) await repliesTo(await makePeer(), mux.port, [], session);
    await repliesTo(first, mux.port, [], session); // now the second is the oldest
    const last = await makePeer();
    await repliesTo(last, mux.port, [], session);
    await second.send(SRTP, mux.port);
    await repliesTo(first, mux.port, [DTLS], session);
    expect(session.datagrams).toEqual([DTLS]);
    expect(count('droppedUnknownSource')).toBe(1);
  });
});

describe('ICE restart', () => {
  test('the old credentials serve until the first check with the new ones', async () => {
    const { mux, count } = await makeMux();
    const session = new Session('a');
    mux.register(session);
    const peer = await makePeer();
    await repliesTo(peer, mux.port, [], session);
    const old = { ufrag: session.ufrag, pwd: session.pwd, peerUfrag: session.peerUfrag };
    mux.rename(session, { ufrag: 'fresh-ufrag', pwd: 'fresh-password-of-22-characters' }, 'fresh-peer');

    await peer.send(connectivityCheck(old), mux.port);
    expect(isGenuine(await peer.next(), old.pwd)).toBe(true);
    await peer.send(DTLS, mux.port);
    await peer.send(connectivityCheck({ ...old, peerUfrag: 'fresh-peer' }), mux.port); // halves of two generations

    expect(await repliesTo(peer, mux.port, [], session)).toEqual([]);
    expect(count('stunRejectedIntegrity')).toBe(1);
    expect(session.datagrams).toEqual([DTLS]);

    expect(await repliesTo(peer, mux.port, [connectivityCheck(old)], session)).toEqual([]);
    expect(count('stunRejectedUnknownUfrag')).toBe(1);
  });

  test('of two restarts in a row the second replaces the first; what the peer uses serves on', async () => {
    const { mux, count } = await makeMux();
    const [session, sentinel] = [new Session('a'), new Session('sentinel')];
    mux.register(session);
    mux.register(sentinel);
    const peer = await makePeer();
    const checks = [connectivityCheck(session)];
    for (const name of ['second', 'third']) {
      mux.rename(session, { ufrag: `${name}-ufrag`, pwd: `${name}-password-of-22-characters` }, `${name}-peer`);
      checks.push(connectivityCheck(session));
    }
    const [first, second, third] = checks as [Buffer, Buffer, Buffer];
    expect(await repliesTo(peer, mux.port, [second], sentinel)).toHaveLength(0);
    expect(await repliesTo(peer, mux.port, [first], sentinel)).toHaveLength(1);
    expect(await repliesTo(peer, mux.port, [third], sentinel)).toHaveLength(1);
    expect(await repliesTo(peer, mux.port, [first], sentinel)).toHaveLength(0);
    expect(count('stunRejectedUnknownUfrag')).toBe(2);
  });

  test('unregister forgets the old and the new credentials', async () => {
    const { mux, count } = await makeMux();
    const [session, sentinel] = [new Session('a'), new Session('sentinel')];
    mux.register(session);
    mux.register(sentinel);
    const peer = await makePeer();
    const old = connectivityCheck(session);
    mux.rename(session, { ufrag: 'fresh-ufrag', pwd: 'fresh-password-of-22-characters' }, 'fresh-peer');
    const fresh = connectivityCheck(session);
    mux.unregister(session);
    expect(await repliesTo(peer, mux.port, [old, fresh], sentinel)).toHaveLength(0);
    expect(count('stunRejectedUnknownUfrag')).toBe(2);
  });
});

test('a session that throws costs its datagram, is logged once, and the others go on', async () => {
  const { mux, count, errors, telemetry } = await makeMux();
  const [broken, sound] = [new Session('broken'), new Session('sound')];
  mux.register(broken);
  mux.register(sound);
  const [peerA, peerB] = [await makePeer(), await makePeer()];
  await repliesTo(peerA, mux.port, [], broken);
  broken.telemetry = telemetry;
  await repliesTo(peerA, mux.port, [DTLS, DTLS, DTLS], broken);
  await repliesTo(peerB, mux.port, [], sound);
  await repliesTo(peerB, mux.port, [SRTP], sound);
  expect(sound.datagrams).toEqual([SRTP]);
  expect(count('droppedMalformed')).toBe(3);
  expect(count('handling')).toBe(0); // it was caught: nobody's doing any more
  expect(errors).toEqual(['a datagram handler threw']);
});

test('whatever a stranger sends, it gets no byte back', { timeout: 60_000 }, async () => {
  const { mux, count } = await makeMux();
  const [session, sentinel] = [new Session('a'), new Session('sentinel')];
  mux.register(session);
  mux.register(sentinel);
  const [attacker, honest] = [await makePeer(), await makePeer()];
  await repliesTo(honest, mux.port, [], sentinel);
  const random = new Seeded(8189);
  const valid = connectivityCheck(session);
  let sent = 0;
  for (let round = 0; round < 600; round++) {
    const datagram = round % 2 === 0 ? random.bytes(random.below(300)) : random.mutate(valid);
    if (datagram.subarray(0, -8).equals(valid.subarray(0, -8))) continue; // its signature still holds
    if (round % 4 === 0 && datagram.length > 0)
      datagram[0] = [0, 1, 20, 22, 63, 128, 191, 192][(round / 4) % 8] as number;
    await attacker.send(datagram, mux.port);
    sent++;
    if (round % 50 === 0) await repliesTo(honest, mux.port, [], sentinel); // do not outrun the socket's buffer
  }
  await repliesTo(honest, mux.port, [], sentinel);
  expect(sent).toBeGreaterThan(500);
  expect(attacker.received).toEqual([]);
  expect(session.checks).toEqual([]);
  expect(count('droppedMalformed')).toBe(0);
});

describe('addresses', () => {
  test('a socket for all addresses names an IPv4 peer by its IPv4 address', async () => {
    const { mux } = await makeMux('');
    const session = new Session('a');
    mux.register(session);
    const peer = await makePeer('127.0.0.1');
    await peer.send(connectivityCheck(session), mux.port);
    const mapped = attributesOf(await peer.next()).get(0x20)?.value;
    expect(mapped?.length).toBe(8); // IPv4, not ::ffff:127.0.0.1
    expect([...(mapped?.subarray(4) ?? [])]).toEqual([127 ^ 0x21, 0 ^ 0x12, 0 ^ 0xa4, 1 ^ 0x42]);
    const remote = session.checks[0]?.remote as RemoteAddress;
    mux.send(Buffer.from('..hello..'), 2, 5, remote);
    expect((await peer.next()).toString()).toBe('hello');
    await repliesTo(peer, mux.port, [SRTP], session);
    expect(session.datagrams).toEqual([SRTP]);
  });

  test.runIf(hasIpv6).each([[''], ['::1']])('an IPv6 peer is served by a socket on %j', async (host) => {
    const { mux } = await makeMux(host);
    const session = new Session('a');
    mux.register(session);
    const peer = await makePeer('::1');
    await peer.send(connectivityCheck(session), mux.port, '::1');
    const mapped = attributesOf(await peer.next()).get(0x20)?.value;
    expect([mapped?.length, mapped?.[1]]).toEqual([20, 2]);
    await repliesTo(peer, mux.port, [SRTP], session, '::1');
    expect(session.datagrams).toEqual([SRTP]);
    expect(session.checks[0]?.remote).toEqual({ address: '::1', port: peer.port });
  });
});

test('an address that is taken is an error, with its code', async () => {
  const { mux } = await makeMux();
  const telemetry = new Telemetry(Telemetry.allocate());
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  await expect(
    UdpMux.open({ host: '127.0.0.1', port: mux.port }, { telemetry, log, clock: Date.now }),
  ).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

test('after close sending and closing do nothing', async () => {
  const { mux, count } = await makeMux();
  mux.close();
  mux.close();
  mux.send(Buffer.from('x'), 0, 1, { address: '127.0.0.1', port: 9 });
  expect(count('datagramsOut')).toBe(0);
  expect(mux.queued).toBe(0);
});
