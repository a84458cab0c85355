import { SESSION_COUNTER, SessionSnapshot, TRACK_COUNTER, trackCounter } from '@shardcast/shared';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { readRtcp } from '../../src/rtp/rtcp/index.ts';
import { closeNotify } from '../../src/session/dtls/alert.ts';
import { PEER_LEFT, type PeerSession } from '../../src/session/peer-session.ts';
import { SrtpSender } from '../../src/session/srtp/protect.ts';
import { ReplayWindow } from '../../src/session/srtp/replay-window.ts';
import { SrtpReceiver } from '../../src/session/srtp/unprotect.ts';
import { record } from './dtls-records.ts';
import { COMBINATIONS } from './engines.ts';
import { connectivityCheck } from './stun-messages.ts';
import { TestClient } from './test-client.ts';
import { CONSENT_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS, TestSfu } from './test-sfu.ts';
import { UdpPeer } from './udp-peer.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

let combination: (typeof COMBINATIONS)[number];

async function openSfu(): Promise<TestSfu> {
  const sfu = await TestSfu.open(combination.media, combination.dtls);
  opened.push(sfu);
  return sfu;
}

async function publish(sfu: TestSfu, change = (offer: string) => offer) {
  const client = new TestClient('sendonly');
  opened.push(client);
  const { session, answer } = sfu.publish('publisher', change(await client.offer()));
  await client.connect(answer);
  return { client, session, answer };
}

async function play(sfu: TestSfu, id = 'viewer', change = (offer: string) => offer) {
  const client = new TestClient('recvonly');
  opened.push(client);
  const { session, answer } = sfu.subscribe(id, change(await client.offer()));
  await client.connect(answer);
  await vi.waitFor(() => expect(session.peer.state).toBe('connected'));
  return { client, session, answer };
}

/** A publisher whose stream is online, and a viewer of it. */
async function publishAndPlay(sfu: TestSfu) {
  const publisher = await publish(sfu);
  publisher.client.send('first');
  await vi.waitFor(() => expect(sfu.stream.isOnline).toBe(true));
  const viewer = await play(sfu);
  return { publisher, viewer };
}

/** Copies of what reaches a session from its own address. */
function tap(peer: PeerSession): Buffer[] {
  const seen: Buffer[] = [];
  const { onDatagram } = peer;
  peer.onDatagram = (datagram) => {
    seen.push(Buffer.from(datagram));
    onDatagram.call(peer, datagram);
  };
  return seen;
}
const isRtp = (datagram: Buffer) =>
  datagram.readUInt8(0) >> 6 === 2 && (datagram.readUInt8(1) < 192 || datagram.readUInt8(1) > 223);

/** The publisher sends `text`, and the viewer has it. */
async function deliver(publisher: TestClient, viewer: TestClient, text: string): Promise<void> {
  publisher.send(text);
  await vi.waitFor(() => expect(viewer.payloads).toContain(text), { interval: 5 });
}

describe.each(COMBINATIONS)('the $media media path and handshakes by $dtls', (each) => {
  beforeAll(() => {
    combination = each;
  });

  describe('publisher to viewer', () => {
    test('every packet arrives once, in order, over a sequence wrap, and is counted', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      const texts = Array.from({ length: 30 }, (_, n) => `frame ${n}`);
      for (const text of texts) await deliver(publisher.client, viewer.client, text);
      expect(viewer.client.payloads).toEqual(texts);
      const first = viewer.client.sequences[0] as number;
      expect(viewer.client.sequences).toEqual(texts.map((_, n) => first + n));
      const { counters } = viewer.session.peer;
      expect(counters[trackCounter(0, TRACK_COUNTER.PACKETS)]).toBe(30);
      expect(counters[trackCounter(0, TRACK_COUNTER.OUT)]).toBe(first + 30);
      // The publisher began 5 before the wrap, with one packet of its own: ROC 1 by now.
      expect(publisher.session.peer.counters[trackCounter(0, TRACK_COUNTER.IN)]).toBe(65_530 + 30);
      expect([sfu.count('handshakesStarted'), sfu.count('handshakesFailed'), sfu.setupsObserved()]).toEqual([2, 0, 2]);
      expect([sfu.count('srtpRejectedAuth'), sfu.count('srtpRejectedReplay'), sfu.count('droppedMalformed')]).toEqual([
        0, 0, 0,
      ]);
      expect(sfu.errors).toEqual([]);
    });

    test('snapshots are valid, hold the keys and the address, and never change a session', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      for (const { session } of [publisher, viewer]) {
        const snapshot = SessionSnapshot.parse(structuredClone(session.peer.snapshot()));
        expect(snapshot.keys?.profile).toBe(sfu.context.fastPath.profiles[0]); // both offer both
        expect(snapshot.remote).toMatchObject({ address: '127.0.0.1', port: session.peer.remote?.port });
      }
      sfu.advance(1);
      expect([...sfu.snapshots.keys()]).toEqual(['publisher', 'viewer']);
      expect(sfu.snapshots.get('publisher')?.latch).toEqual([[expect.any(Number), 0]]);
      await deliver(publisher.client, viewer.client, 'still there');
    });

    test.each(['publisher', 'viewer'])(
      'a %s that wants to be the DTLS server is met by a DTLS client',
      async (which) => {
        const sfu = await openSfu();
        const passive = (offer: string) => offer.replaceAll('a=setup:actpass', 'a=setup:passive');
        const publisher = await publish(sfu, which === 'publisher' ? passive : undefined);
        publisher.client.send('first');
        await vi.waitFor(() => expect(sfu.stream.isOnline).toBe(true));
        const viewer = await play(sfu, 'viewer', which === 'viewer' ? passive : undefined);
        expect((which === 'publisher' ? publisher : viewer).answer).toContain('a=setup:active');
        await deliver(publisher.client, viewer.client, 'through');
      },
    );

    test("a viewer's PLI goes upstream at most once in 500 ms", async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      await deliver(publisher.client, viewer.client, 'hello');
      sfu.advance(1000);
      const [received, sent] = [sfu.count('pliReceived'), sfu.count('pliSent')];
      for (let n = 0; n < 5; n++) await viewer.client.askKeyframe();
      await vi.waitFor(() => expect(sfu.count('pliReceived')).toBe(received + 5));
      expect(sfu.count('pliSent')).toBe(sent + 1);
      sfu.advance(499);
      expect(sfu.count('pliSent')).toBe(sent + 1);
      sfu.advance(1);
      expect(sfu.count('pliSent')).toBe(sent + 2); // what came meanwhile is asked once more, together
      sfu.advance(5000);
      expect(sfu.count('pliSent')).toBe(sent + 2);
      await vi.waitFor(() => expect(publisher.client.keyframesAsked).toBe(sent + 2));
    });

    test('sender reports reach the viewer as packets that it can decrypt', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      await deliver(publisher.client, viewer.client, 'hello');
      let reports = 0;
      viewer.client.pc.dtlsTransports[0]?.onRtcp.subscribe(({ type }) => {
        if (type === 200) reports++;
      });
      viewer.session.sendReports(sfu.nowMs);
      viewer.session.sendReports(sfu.nowMs);
      await vi.waitFor(() => expect(reports).toBe(2));
      expect(viewer.session.peer.counters[SESSION_COUNTER.RTCP_OUT]).toBe(2);
    });
  });

  describe('attacks on a live session', () => {
    test('a plaintext close_notify, from another port or from its own, changes nothing', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      await deliver(publisher.client, viewer.client, 'before');
      const stranger = await UdpPeer.open();
      opened.push(stranger);
      const alert = record(21, 0, Buffer.from([1, 0]));
      const dropped = sfu.count('droppedUnknownSource');
      await stranger.send(alert, sfu.mux.port);
      await stranger.send(record(22, 0, Buffer.alloc(60)), sfu.mux.port);
      await vi.waitFor(() => expect(sfu.count('droppedUnknownSource')).toBe(dropped + 2));
      for (const { session } of [publisher, viewer]) {
        session.peer.onDatagram(Buffer.from(alert));
        session.peer.onDatagram(record(21, 1, Buffer.alloc(26)));
        session.peer.onDatagram(record(22, 0, Buffer.alloc(60)));
        expect(session.peer.state).toBe('connected');
      }
      await deliver(publisher.client, viewer.client, 'after');
      expect(stranger.received).toEqual([]);
    });

    test('forged SRTP is counted and not forwarded, and a replayed packet neither', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      const seen = tap(publisher.session.peer);
      for (const text of ['a', 'b', 'c']) await deliver(publisher.client, viewer.client, text);
      const genuine = seen.filter(isRtp);
      expect(genuine).toHaveLength(3);

      for (const packet of genuine) publisher.session.peer.onDatagram(Buffer.from(packet));
      expect(sfu.count('srtpRejectedReplay')).toBe(3);

      for (const packet of genuine) {
        const forged = Buffer.from(packet);
        forged.writeUInt16BE((forged.readUInt16BE(2) + 100) & 0xffff, 2);
        publisher.session.peer.onDatagram(forged);
      }
      const stranger = Buffer.from(genuine[0] as Buffer);
      stranger.writeUInt32BE(0x1234_5678, 8); // another SSRC: no state is made for it
      publisher.session.peer.onDatagram(stranger);
      expect(sfu.count('srtpRejectedAuth')).toBe(4);
      expect(publisher.session.describeLatch()).toHaveLength(1);

      await deliver(publisher.client, viewer.client, 'd');
      expect(viewer.client.payloads).toEqual(['a', 'b', 'c', 'd']);
    });

    test('forged and replayed SRTCP is counted and not obeyed', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      await deliver(publisher.client, viewer.client, 'hello');
      const seen = tap(viewer.session.peer);
      await viewer.client.askKeyframe();
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0));
      const packet = seen.at(-1) as Buffer;
      const [received, heard] = [sfu.count('pliReceived'), sfu.count('rtcpReceived')];
      viewer.session.peer.onDatagram(Buffer.from(packet));
      expect(sfu.count('srtpRejectedReplay')).toBe(1);
      const forged = Buffer.from(packet);
      forged[9] = forged.readUInt8(9) ^ 1;
      viewer.session.peer.onDatagram(forged);
      expect(sfu.count('srtpRejectedAuth')).toBe(1);
      expect([sfu.count('pliReceived'), sfu.count('rtcpReceived')]).toEqual([received, heard]);
    });

    test("each of a peer's SSRCs counts its RTCP by itself, as libsrtp does", async () => {
      const sfu = await openSfu();
      const { viewer } = await publishAndPlay(sfu);
      const { keys } = viewer.session.peer.snapshot();
      if (keys === undefined) throw new Error('connected without keys');
      const client = new SrtpSender(keys.profile, keys.remoteKey, keys.remoteSalt);
      const report = (ssrc: number, index: number) => {
        const packet = Buffer.alloc(8 + 20);
        packet.set([0x80, 201, 0, 1]);
        packet.writeUInt32BE(ssrc, 4);
        expect(readRtcp(packet, 0, 8, {})).toBeUndefined();
        return packet.subarray(0, client.protectRtcp(packet, 8, index));
      };
      const heard = sfu.count('rtcpReceived');
      for (let index = 1; index <= 5; index++) {
        for (const ssrc of [11, 22]) viewer.session.peer.onDatagram(report(ssrc, index));
      }
      expect(sfu.count('rtcpReceived')).toBe(heard + 10);
      viewer.session.peer.onDatagram(report(22, 5));
      expect(sfu.count('srtpRejectedReplay')).toBe(1);
      // A peer that makes up SSRC after SSRC does not fill the memory.
      for (let ssrc = 100; ssrc < 400; ssrc++) viewer.session.peer.onDatagram(report(ssrc, 1));
      expect(sfu.count('rtcpReceived') - heard).toBeLessThan(10 + 128);
    });

    test('media before the handshake is over is dropped', async () => {
      const sfu = await openSfu();
      const client = new TestClient('sendonly');
      opened.push(client);
      const { session } = sfu.publish('publisher', await client.offer());
      session.peer.onDatagram(Buffer.alloc(100, 0x80));
      session.peer.onDatagram(Buffer.from([0x80]));
      session.peer.onDatagram(record(23, 1, Buffer.alloc(40)));
      expect(session.peer.state).toBe('connecting');
      expect(sfu.count('srtpRejectedAuth')).toBe(0);
    });
  });

  describe('RTCP that a session sends', () => {
    async function sending() {
      const sfu = await openSfu();
      const { session } = await publish(sfu);
      const { keys } = session.peer.snapshot();
      if (keys === undefined) throw new Error('connected without keys');
      const receiver = new SrtpReceiver(keys.profile, keys.localKey, keys.localSalt);
      const arrived: { ssrc: number; index: number }[] = [];
      session.peer.send = (bytes, start, length) => {
        if (bytes.readUInt8(start) < 128) return; // close_notify
        expect(receiver.unprotectRtcp(bytes, start, start + length)).toBe(start + 8);
        arrived.push({ ssrc: bytes.readUInt32BE(start + 4), index: receiver.rtcpIndex });
      };
      const send = (ssrc: number) => {
        const report = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 0]);
        report.writeUInt32BE(ssrc, 4);
        session.peer.sendRtcp(report, report.length);
      };
      return { sfu, session, arrived, send };
    }

    test('has no index twice, whichever SSRCs send it, and is fresh to a window an SSRC and to one for all', async () => {
      const { arrived, send } = await sending();
      for (const ssrc of [1, 2, 2, 3, 1, 1, 3, 2, 1]) send(ssrc);
      expect(arrived.map(({ ssrc }) => ssrc)).toEqual([1, 2, 2, 3, 1, 1, 3, 2, 1]);
      expect(new Set(arrived.map(({ index }) => index)).size).toBe(arrived.length);
      const windows = new Map<number | 'all', ReplayWindow>();
      for (const { ssrc, index } of arrived) {
        for (const of of [ssrc, 'all'] as const) {
          const window = windows.get(of) ?? new ReplayWindow();
          windows.set(of, window);
          expect(window.isFresh(index)).toBe(true);
          window.add(index);
        }
      }
    });

    test('ends with the last index of 31 bits, and the session with it', async () => {
      const { sfu, session, arrived, send } = await sending();
      session.peer.counters[SESSION_COUNTER.RTCP_OUT] = 2 ** 31 - 1;
      send(1);
      send(1);
      expect(arrived).toEqual([{ ssrc: 1, index: 2 ** 31 - 1 }]);
      sfu.advance(1);
      expect(sfu.closed.get('publisher')).toMatch(/SRTCP indexes are used up/);
    });
  });

  test('DTLS that is refused is counted, before the handshake, while its state is kept, and after', async () => {
    const sfu = await openSfu();
    const { publisher, viewer } = await publishAndPlay(sfu);
    await deliver(publisher.client, viewer.client, 'hello');
    expect(sfu.count('dtlsRejected')).toBe(0);
    const forged = [
      record(21, 0, Buffer.from([2, 40])),
      record(21, 1, Buffer.alloc(26)),
      record(23, 1, Buffer.alloc(40)),
    ];
    for (const [n, session] of [publisher.session, viewer.session].entries()) {
      if (n === 1) session.peer.releaseHandshake();
      for (const datagram of forged) session.peer.onDatagram(datagram);
      expect(session.peer.state).toBe('connected');
      expect(sfu.count('dtlsRejected')).toBe(3 * (n + 1));
    }
    const late = new TestClient('recvonly');
    opened.push(late);
    const { session } = sfu.subscribe('late', await late.offer());
    for (const datagram of forged) session.peer.onDatagram(datagram);
    await vi.waitFor(() => expect(sfu.count('dtlsRejected')).toBe(9));
  });

  describe('the end of a session', () => {
    test("the peer's close_notify closes it", async () => {
      const sfu = await openSfu();
      const { viewer } = await publishAndPlay(sfu);
      const alert = viewer.session.peer.snapshot().keys?.alert;
      if (alert === undefined) throw new Error('connected without keys');
      const theirs = { ownKey: alert.peerKey, ownIv: alert.peerIv, peerKey: '', peerIv: '' };
      viewer.session.peer.onDatagram(closeNotify(theirs, 4096));
      await vi.waitFor(() => expect(sfu.closed.get('viewer')).toBe(PEER_LEFT));
      expect(sfu.stream.readerCount).toBe(0);
    });

    test('our close_notify is understood by the peer', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      await deliver(publisher.client, viewer.client, 'hello');
      viewer.session.close('deleted');
      await vi.waitFor(() => expect(viewer.client.dtlsState).toBe('closed'), { timeout: 5000 });
      expect(sfu.closed.get('viewer')).toBe('deleted');
      viewer.session.close('again');
      expect(sfu.closed.get('viewer')).toBe('deleted');
    });

    test('comes when no check has come for the consent time, and not before', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      await publisher.client.close();
      await viewer.client.close();
      sfu.advance(CONSENT_TIMEOUT_MS);
      expect([publisher, viewer].map(({ session }) => session.peer.state)).toEqual(['connected', 'connected']);
      sfu.advance(1);
      expect(sfu.closed.get('viewer')).toMatch(/consent expired/);
      expect(sfu.closed.get('publisher')).toMatch(/consent expired/);
      expect(sfu.stream.isOnline).toBe(false);
    });

    test('is put off by every check', async () => {
      const sfu = await openSfu();
      const { session } = await publish(sfu);
      const { ufrag, pwd, peerUfrag } = session.peer;
      const elsewhere = await UdpPeer.open();
      opened.push(elsewhere);
      sfu.advance(CONSENT_TIMEOUT_MS);
      await elsewhere.send(connectivityCheck({ ufrag, pwd, peerUfrag }), sfu.mux.port);
      await elsewhere.next();
      sfu.advance(CONSENT_TIMEOUT_MS);
      expect(session.peer.state).toBe('connected');
    });

    test('comes when the handshake takes too long', async () => {
      const sfu = await openSfu();
      const client = new TestClient('sendonly');
      opened.push(client);
      const { session } = sfu.publish('publisher', await client.offer());
      sfu.advance(HANDSHAKE_TIMEOUT_MS);
      expect(session.peer.state).toBe('connecting');
      sfu.advance(1);
      expect(sfu.closed.get('publisher')).toBe('handshake: timed out');
      expect(sfu.count('handshakesFailed')).toBe(1);
    });

    test('comes when the peer is not who its SDP says, before any media', async () => {
      const sfu = await openSfu();
      const client = new TestClient('sendonly');
      opened.push(client);
      const other = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}\r\n`;
      const { answer } = sfu.publish('publisher', (await client.offer()).replaceAll(/a=fingerprint:.*\r\n/g, other));
      client.connect(answer).catch(() => {});
      await vi.waitFor(() => expect(sfu.closed.get('publisher')).toMatch(/another fingerprint/));
      expect(client.dtlsState).not.toBe('connected');
      expect(sfu.count('handshakesFailed')).toBe(1);
    });
  });

  describe('a changing address', () => {
    test('media follows the address that the peer nominates, not one that it only checks', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      await deliver(publisher.client, viewer.client, 'at home');
      const elsewhere = await UdpPeer.open();
      opened.push(elsewhere);
      const { ufrag, pwd, peerUfrag } = viewer.session.peer;
      await elsewhere.send(connectivityCheck({ ufrag, pwd, peerUfrag }), sfu.mux.port);
      await elsewhere.next();
      await deliver(publisher.client, viewer.client, 'still at home');
      expect(elsewhere.received).toHaveLength(1);

      await elsewhere.send(connectivityCheck({ ufrag, pwd, peerUfrag, useCandidate: true }), sfu.mux.port);
      await elsewhere.next();
      publisher.client.send('moved');
      expect(isRtp(await elsewhere.next())).toBe(true);
      expect(viewer.session.peer.remote?.port).toBe(elsewhere.port);
      sfu.advance(1);
      expect(sfu.snapshots.get('viewer')?.remote?.port).toBe(elsewhere.port);
    });

    test('many times between two ticks costs main one message', async () => {
      const sfu = await openSfu();
      const { session } = await publish(sfu);
      sfu.advance(1);
      const told = vi.spyOn(sfu.context, 'onSnapshot');
      const { ufrag, pwd, peerUfrag } = session.peer;
      const [left, right] = [await UdpPeer.open(), await UdpPeer.open()];
      opened.push(left, right);
      for (let n = 0; n < 20; n++) {
        const peer = n % 2 === 0 ? left : right;
        await peer.send(connectivityCheck({ ufrag, pwd, peerUfrag, useCandidate: true }), sfu.mux.port);
        await peer.next();
        expect(session.peer.remote?.port).toBe(peer.port);
      }
      expect(told).not.toHaveBeenCalled();
      sfu.advance(1);
      expect(told.mock.calls.map(([snapshot]) => snapshot.remote?.port)).toEqual([right.port]);
      sfu.advance(1);
      expect(told).toHaveBeenCalledOnce();
    });

    test('an ICE restart keeps the session: the old credentials serve until the new ones come', async () => {
      const sfu = await openSfu();
      const { publisher, viewer } = await publishAndPlay(sfu);
      viewer.session.peer.restartIce({ ufrag: 'fresh', pwd: 'fresh-password-of-22-characters' }, 'peer-fresh');
      await deliver(publisher.client, viewer.client, 'meanwhile');
      sfu.advance(1);
      expect(sfu.snapshots.get('viewer')).toMatchObject({ ufrag: 'fresh', peerUfrag: 'peer-fresh' });
      const elsewhere = await UdpPeer.open();
      opened.push(elsewhere);
      const { ufrag, pwd, peerUfrag } = viewer.session.peer;
      await elsewhere.send(connectivityCheck({ ufrag, pwd, peerUfrag, useCandidate: true }), sfu.mux.port);
      await elsewhere.next();
      publisher.client.send('over there');
      expect(isRtp(await elsewhere.next())).toBe(true);
      expect(viewer.session.peer.state).toBe('connected');
    });
  });
});

test.skipIf(COMBINATIONS.length > 1)(
  'the native media path and OpenSSL were not tested: the addon is not built here',
  (context) => context.skip(),
);
