import { setTimeout as passes } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { fragment, record, records } from '../../../test/session/dtls-records.ts';
import { ENGINES } from '../../../test/session/engines.ts';
import { OpenSslPeer, OpenSslSide } from '../../../test/session/openssl-peer.ts';
import { closeNotify, readAlert } from './alert.ts';
import { type Certificate, makeCertificate } from './certificate.ts';

const ALERT = 21;
const HANDSHAKE = 22;
const CERTIFICATE_VERIFY = 15;
const hasAddon = ENGINES.includes('openssl');

let ours: Certificate;
let theirs: Certificate;
let stranger: Certificate;
beforeAll(async () => {
  [ours, theirs, stranger] = await Promise.all([makeCertificate(), makeCertificate(), makeCertificate()]);
});

/** Both sides before their first datagram. */
function meet(peerShows = theirs, active = false) {
  return { us: new OpenSslSide(ours, theirs, active), peer: new OpenSslPeer(peerShows, ours, active) };
}

/** A session that is up, our last flight delivered. */
function connect() {
  const { us, peer } = meet();
  const hello = peer.start();
  const fifth = peer.hear(...us.hear(...hello));
  peer.hear(...us.hear(...fifth));
  expect(us.keys).toBeDefined();
  expect(peer.isConnected).toBe(true);
  return { us, peer, hello, fifth };
}

describe.skipIf(!hasAddon)('a handshake by OpenSSL', () => {
  test('takes two datagrams of ours, and its state is let go without a trace', () => {
    const { us, peer } = meet();
    const fourth = us.hear(...peer.start());
    expect(fourth).toHaveLength(1);
    expect(us.hear(...peer.hear(...fourth))).toHaveLength(1);
    us.channel.release();
    expect(us.hear(...peer.start())).toEqual([]);
  });

  test('asks nobody before it was asked itself, in either role', () => {
    const server = new OpenSslSide(ours, theirs, false);
    server.channel.start();
    server.channel.tick();
    expect(server.sent()).toEqual([]);
    const client = new OpenSslSide(ours, theirs, true);
    client.channel.onDatagram(record(HANDSHAKE, 0, fragment(2, 0, Buffer.alloc(40))));
    client.channel.tick();
    expect(client.sent()).toEqual([]);
  });

  test.each([false, true])('refuses another certificate, and says so in one plaintext alert (client: %s)', (active) => {
    const { us, peer } = meet(stranger, active);
    if (active) us.channel.start();
    let said = active ? us.sent() : peer.start();
    for (let turn = 0; turn < 3 && us.failures.length === 0; turn++) {
      const answer = active ? peer.hear(...said) : us.hear(...said);
      said = active ? us.hear(...answer) : peer.hear(...answer);
    }
    expect(us.failures).toEqual([expect.stringContaining('another fingerprint')]);
    expect(us.keys).toBeUndefined();
    const last = active ? said : us.sent();
    expect(last.flatMap(records).filter((each) => each.readUInt16BE(3) > 0)).toEqual([]);
    us.channel.tick();
    expect(us.hear(...peer.tick())).toEqual([]);
  });

  test("answers a peer's repeated flight when our last was lost, and not when its state was let go", async () => {
    const { us, peer } = meet();
    const fifth = peer.hear(...us.hear(...peer.start()));
    expect(us.hear(...fifth)).toHaveLength(1); // lost
    expect(us.keys).toBeDefined();
    await passes(260); // OpenSSL's own clock
    const again = peer.tick();
    expect(again.length).toBeGreaterThan(0);
    const sixth = us.hear(...again);
    peer.hear(...sixth);
    expect(peer.isConnected).toBe(true);
    us.channel.release();
    expect(us.hear(...again)).toEqual([]);
  });

  test('repeats a flight that was lost at the tick after 250 ms, and no sooner', async () => {
    const { us, peer } = meet();
    expect(us.hear(...peer.start())).toHaveLength(1);
    us.channel.tick();
    expect(us.sent()).toEqual([]);
    await passes(260);
    us.channel.tick();
    const fifth = peer.hear(...us.sent());
    peer.hear(...us.hear(...fifth));
    expect(peer.isConnected).toBe(true);
    await passes(260);
    us.channel.tick();
    expect(us.sent()).toEqual([]);
  });

  test('a peer is heard that repeats its records under their old numbers, also what came too early before', () => {
    const { us, peer } = meet();
    const fifth = peer.hear(...us.hear(...peer.start())).flatMap(records);
    const copies = () => fifth.map((each) => Buffer.from(each));
    const verify = fifth.findIndex((each) => each[0] === HANDSHAKE && each[13] === CERTIFICATE_VERIFY);
    expect(us.hear(...copies().filter((_, n) => n !== verify))).toEqual([]);
    expect(us.keys).toBeUndefined();
    peer.hear(...us.hear(...copies()));
    expect(us.keys).toBeDefined();
    expect(peer.isConnected).toBe(true);
    // And once more, should our answer have been lost.
    expect(us.hear(...copies())).toHaveLength(1);
  });

  test('what strangers say to a live session is not answered, and changes nothing', () => {
    const { us, peer, hello, fifth } = connect();
    const other = new OpenSslPeer(stranger, ours, false);
    const said = [
      ...other.start(),
      ...hello,
      record(ALERT, 0, Buffer.from([2, 40]), 9),
      record(20, 0, Buffer.from([1]), 9),
      record(HANDSHAKE, 1, Buffer.alloc(60), 9),
      record(HANDSHAKE, 0, fragment(16, 5, Buffer.alloc(33)), 9),
      record(23, 1, Buffer.alloc(60), 9),
    ];
    expect(us.hear(...said)).toEqual([]);
    expect(us.failures).toEqual([]);
    expect(us.alerts).toEqual([]);
    // The peer is still the one that is answered.
    expect(us.hear(...fifth)).toHaveLength(1);
    expect(peer.isConnected).toBe(true);
  });

  test('plaintext alerts do not end a handshake, wherever they are in a datagram', () => {
    const { us, peer } = meet();
    const alert = record(ALERT, 0, Buffer.from([2, 40]));
    const fifth = peer.hear(...us.hear(alert, ...peer.start(), alert));
    peer.hear(...us.hear(Buffer.concat([alert, ...fifth.slice(0, 1), alert]), ...fifth.slice(1)));
    expect(us.keys).toBeDefined();
    expect(us.dropped).toBe(4);
  });

  test('a close_notify in the datagram of the Finished is read after it', () => {
    const { us, peer } = meet();
    const fifth = peer.hear(...us.hear(...peer.start()));
    const finishing = us.hear(...fifth);
    peer.hear(...finishing);
    const goodbye = peer.handshake.keys()?.goodbye as Buffer;
    const again = meet();
    const last = again.peer.hear(...again.us.hear(...again.peer.start()));
    expect(again.us.hear(Buffer.concat([...last, goodbye]))).toHaveLength(1);
    expect(again.us.alerts).toEqual([goodbye]);
    us.channel.onDatagram(goodbye);
    expect(us.keys && readAlert(us.keys.alert, us.alerts[0] as Buffer)).toEqual(Buffer.from([1, 0]));
  });

  test('our close_notify is one that the peer reads, also when it is sent twice', () => {
    const { us, peer } = connect();
    const keys = us.keys?.alert;
    if (keys === undefined) throw new Error('no keys');
    const sent = [closeNotify(keys, 4096), closeNotify(keys, 4097)] as const;
    expect(sent[0]).toEqual(sent[1]);
    const peerKeys = peer.handshake.keys();
    const reading = {
      peerKey: peerKeys?.peerKey.toString('base64') ?? '',
      peerIv: peerKeys?.peerIv.toString('base64') ?? '',
    };
    expect(readAlert(reading, sent[0])).toEqual(Buffer.from([1, 0]));
  });

  test('records that come before their epoch are kept in a small number', () => {
    const { us, peer } = meet();
    us.hear(...peer.start());
    for (let n = 0; n < 200; n++) us.channel.onDatagram(record(HANDSHAKE, 1, Buffer.alloc(40, n), n + 100));
    expect(us.dropped).toBe(200 - 16);
    expect(us.sent()).toEqual([]);
    expect(us.failures).toEqual([]);
  });

  test('whatever is changed, cut or thrown in, nothing is thrown, and who comes up has the same keys', () => {
    const random = new Seeded(5763);
    let isUp = 0;
    for (let round = 0; round < 300; round++) {
      const { us, peer } = meet();
      let said = peer.start();
      const spoilt = (datagrams: Buffer[]) =>
        datagrams.flatMap((datagram) => {
          if (random.below(3) > 0) return [datagram];
          const edited = Buffer.from(datagram);
          edited[random.below(edited.length)] = random.below(256);
          const arrives = random.below(4) === 0 ? edited.subarray(0, random.below(edited.length)) : edited;
          return random.below(4) === 0 ? [random.bytes(random.below(1500)), arrives] : [arrives];
        });
      for (let turn = 0; turn < 4; turn++) said = peer.hear(...spoilt(us.hear(...spoilt(said))));
      if (us.keys !== undefined && peer.isConnected) {
        isUp++;
        expect(peer.handshake.keys()?.localKey.toString('base64')).toBe(us.keys.remoteKey);
      }
      us.channel.close();
      peer.close();
    }
    expect(isUp).toBeGreaterThan(20);
    expect(isUp).toBeLessThan(280);
  });

  test('handshakes leave nothing behind, also those that were given up half-way', () => {
    const shake = (rounds: number) => {
      for (let n = 0; n < rounds; n++) {
        const { us, peer } = meet();
        const fourth = us.hear(...peer.start());
        if (n % 5 > 1) us.hear(...peer.hear(...fourth));
        if (n % 5 > 2) us.channel.release();
        else us.channel.close();
        peer.close();
      }
      return process.memoryUsage().rss;
    };
    shake(300);
    const before = shake(300);
    // 70 kB each would be 56 MB.
    expect(shake(800) - before).toBeLessThan(20e6);
  });

  test('a thread is ended in the middle of its handshakes, and the others go on', async () => {
    const file = new URL('../../../test/session/dtls-thread.mjs', import.meta.url);
    const addon = new URL('../../../native/build/Release/shardcast.node', import.meta.url).pathname;
    const digest = Buffer.from(ours.fingerprint.replaceAll(':', ''), 'hex');
    const endOne = async (afterMs: number) => {
      const worker = new Worker(file, { workerData: { addon, ...ours, digest } });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await passes(afterMs);
      expect(await worker.terminate()).toBe(1);
    };
    for (let n = 0; n < 4; n++) await Promise.all([endOne(n), endOne(2 * n)]);
    connect();
  });
});

test.skipIf(hasAddon)('OpenSSL was not tested: the addon is not built here', (context) => context.skip());
