import { createHash } from 'node:crypto';
import { setTimeout as passes } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { keyLength, saltLength } from 'werift';
import { Handshake, type HandshakeOptions } from '../../../test/session/dtls-peer.ts';
import { holdsEncrypted, record } from '../../../test/session/dtls-records.ts';
import { ENGINES } from '../../../test/session/engines.ts';
import { closeNotify, readAlert } from './alert.ts';
import { type Certificate, makeCertificate } from './certificate.ts';
import type { DtlsEngine } from './secure-channel.ts';

const ELLIPTIC_CURVES = 10;
const HANDSHAKE_RECORD = 22;

/** How each says why. */
const REFUSALS = {
  werift: { signature: /signature is wrong/, finished: /^Finished is wrong$/ },
  openssl: { signature: /^DTLS: (bad signature|wrong signature|.*signature)/, finished: /^DTLS: digest check failed$/ },
} as const;

let engine: DtlsEngine;
let ours: Certificate;
let theirs: Certificate;
let stranger: Certificate;
const shake = (options: Omit<HandshakeOptions, 'engine' | 'expected'>) =>
  new Handshake({ engine, expected: theirs, ...options }).start();

async function keysOf(handshake: Handshake) {
  const outcome = await handshake.outcome;
  if ('refusal' in outcome) throw new Error(`refused: ${outcome.refusal}`);
  return outcome.keys;
}
async function refusalOf(handshake: Handshake): Promise<string> {
  const outcome = await handshake.outcome;
  return 'refusal' in outcome ? outcome.refusal : 'accepted';
}

describe.each(ENGINES)('handshakes by %s', (name) => {
  beforeAll(async () => {
    ({ engine, ours, theirs } = await Handshake.prepare(name));
    stranger = await makeCertificate();
  });

  describe.each([
    { role: 'DTLS server', active: false },
    { role: 'DTLS client', active: true },
  ])('as $role', ({ active }) => {
    test.each([
      { profile: 7, peerProfiles: [7, 1] as const },
      { profile: 7, peerProfiles: [7] as const },
      { profile: 1, peerProfiles: [1] as const },
    ])(
      'agrees with a peer that offers $peerProfiles on profile $profile, and both have the same keys',
      async (each) => {
        const handshake = shake({ active, peerProfiles: each.peerProfiles });
        const keys = await keysOf(handshake);
        await handshake.peerConnected;
        expect(keys.profile).toBe(each.profile);
        const peer = handshake.peer.extractSessionKeys(keyLength(each.profile as 1), saltLength(each.profile as 1));
        expect(keys.localKey).toBe(peer.remoteKey.toString('base64'));
        expect(keys.localSalt).toBe(peer.remoteSalt.toString('base64'));
        expect(keys.remoteKey).toBe(peer.localKey.toString('base64'));
        expect(keys.remoteSalt).toBe(peer.localSalt.toString('base64'));
      },
    );

    test('close_notify under the kept record keys is one that the peer can decrypt, and its alerts are read', async () => {
      const handshake = shake({ active });
      const { alert } = await keysOf(handshake);
      await handshake.peerConnected;
      const { cipher } = handshake.peer.cipher;
      const recordKeys = (role: 'client' | 'server') =>
        role === 'client'
          ? { key: cipher.clientWriteKey, iv: cipher.clientNonce }
          : { key: cipher.serverWriteKey, iv: cipher.serverNonce };
      const pick = (role: 'client' | 'server') => ({
        key: recordKeys(role).key?.toString('base64') ?? '',
        iv: recordKeys(role).iv?.subarray(0, 4).toString('base64') ?? '',
      });
      const [us, them] = active ? [pick('client'), pick('server')] : [pick('server'), pick('client')];
      const own = 'goodbye' in alert ? { goodbye: alert.goodbye } : { ownKey: us.key, ownIv: us.iv };
      expect(alert).toEqual({ ...own, peerKey: them.key, peerIv: them.iv });
      const mirrored = { ownKey: them.key, ownIv: them.iv, peerKey: us.key, peerIv: us.iv };
      expect(readAlert(mirrored, closeNotify(alert, 4096))).toEqual(Buffer.from([1, 0]));
      const theirs = closeNotify(mirrored, 4096);
      handshake.channel.onDatagram(theirs);
      expect(handshake.alerts).toEqual([theirs]);
    });

    test('another certificate than the SDP announced is refused before our Finished', async () => {
      const handshake = shake({ active, peer: stranger });
      expect(await refusalOf(handshake)).toMatch(/another fingerprint/);
      expect(handshake.sentEncrypted).toBe(0);
    });

    test('the right certificate without its key is refused before our Finished', async () => {
      // Certificates are public: the SDP's may be shown by anybody.
      const handshake = shake({ active, peer: { ...theirs, keyPem: stranger.keyPem } });
      expect(await refusalOf(handshake)).toMatch(REFUSALS[engine.name].signature);
      expect(handshake.sentEncrypted).toBe(0);
    });

    test('a signature of rubbish is refused before our Finished', async () => {
      const handshake = shake({
        active,
        spoil: ({ cipher }) => {
          cipher.signatureData = () => Buffer.alloc(70, 0xee);
          cipher.generateKeySignature = () => Buffer.alloc(70, 0xee);
        },
      });
      expect(await refusalOf(handshake)).toMatch(REFUSALS[engine.name].signature);
      expect(handshake.sentEncrypted).toBe(0);
    });

    test('a Finished over another transcript is refused', async () => {
      const handshake = shake({
        active,
        spoil: ({ cipher }) => {
          cipher.verifyData = () => Buffer.alloc(12, 0xee);
        },
      });
      expect(await refusalOf(handshake)).toMatch(REFUSALS[engine.name].finished);
      // As server we speak last: nothing encrypted has left us. As client our own Finished came first, as it must.
      const finished = handshake.sent.filter((datagram) => holdsEncrypted(datagram, HANDSHAKE_RECORD));
      expect(finished).toHaveLength(active ? 1 : 0);
    });

    test('plaintext alerts do not disturb a handshake or a session', async () => {
      const alert = record(21, 0, Buffer.from([2, 40]));
      const handshake = new Handshake({ engine, expected: theirs, active });
      handshake.channel.onDatagram(alert);
      handshake.start();
      handshake.channel.onDatagram(alert);
      await keysOf(handshake);
      const sent = handshake.sent.length;
      handshake.channel.onDatagram(alert);
      expect(handshake.alerts).toEqual([]);
      expect(handshake.sent).toHaveLength(sent);
    });

    test('after close nothing is sent, whatever comes', async () => {
      const handshake = new Handshake({ engine, expected: theirs, active });
      handshake.channel.close();
      handshake.start();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(handshake.sent).toEqual([]);
    });
  });

  test('start as client sends one ClientHello, however often it is called', () => {
    const handshake = new Handshake({ engine, expected: theirs, active: true, passes: () => false });
    for (let i = 0; i < 5; i++) handshake.channel.start();
    expect(handshake.sent).toHaveLength(1);
    handshake.channel.close();
  });

  test('a ClientHello on a live session is not even answered, whatever its place in the order', async () => {
    const fromPeer: Buffer[] = [];
    const handshake = shake({
      active: false,
      passes: (from, datagram) => {
        if (from === 'peer') fromPeer.push(Buffer.from(datagram));
        return true;
      },
    });
    await keysOf(handshake);
    const sent = handshake.sent.length;
    for (let sequence = 0; sequence < 16; sequence++) {
      const hello = Buffer.from(fromPeer[0] as Buffer);
      hello.writeUInt16BE(sequence, 17);
      handshake.channel.onDatagram(hello);
    }
    for (const datagram of fromPeer.filter((each) => each.readUInt16BE(3) === 0))
      handshake.channel.onDatagram(datagram);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(handshake.sent).toHaveLength(sent);
  });

  test('nothing is sent again after close', async () => {
    const handshake = new Handshake({ engine, expected: theirs, active: true, passes: () => false });
    handshake.channel.start();
    handshake.channel.close();
    await passes(600); // the ClientHello's first repetition is due after half a second: nothing can announce its absence
    expect(handshake.sent).toHaveLength(1);
  });

  test('a server waits for the ClientHello', () => {
    const handshake = new Handshake({ engine, expected: theirs, active: false });
    handshake.channel.start();
    expect(handshake.sent).toEqual([]);
  });

  test('a peer with P-384 alone is refused at once', async () => {
    const handshake = shake({
      active: false,
      spoil: (peer) => {
        const curves = peer.extensions.find(({ type }) => type === ELLIPTIC_CURVES);
        if (curves !== undefined) curves.data = Buffer.from([0, 2, 0, 24]); // secp384r1
      },
    });
    expect(await refusalOf(handshake)).toMatch(/^DTLS: /);
    expect(handshake.sentEncrypted).toBe(0);
  });

  test('a peer with P-256 alone is served', async () => {
    const handshake = shake({
      active: false,
      spoil: (peer) => {
        const curves = peer.extensions.find(({ type }) => type === ELLIPTIC_CURVES);
        if (curves !== undefined) curves.data = Buffer.from([0, 2, 0, 23]); // secp256r1
      },
    });
    expect((await keysOf(handshake)).profile).toBe(7);
  });

  test('a peer without any of our SRTP profiles is refused', async () => {
    expect(await refusalOf(shake({ active: false, peerProfiles: [1], ourProfiles: [7] }))).not.toBe('accepted');
  });

  test('a client that shows no certificate gets nothing encrypted from us', async () => {
    let finishedSent = () => {};
    const finished = new Promise<void>((resolve) => {
      finishedSent = resolve;
    });
    const handshake = shake({
      active: false,
      spoil: ({ dtls }) => {
        // The stock client shows its certificate when it was asked to: let it forget.
        Object.defineProperty(dtls, 'requestedCertificateTypes', { get: () => [], set: () => {} });
      },
      passes: (from, datagram) => {
        if (from === 'peer' && datagram.readUInt16BE(3) === 1) finishedSent();
        return true;
      },
    });
    await finished;
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(handshake.sentEncrypted).toBe(0);
    handshake.channel.close(); // as the session does when its time for the handshake is over
  });

  test('our last flight is sent again when it was lost, until the state is released', async () => {
    let isLost = false;
    const handshake = shake({
      active: false,
      passes: (from, datagram) => {
        if (from === 'peer' || isLost || !holdsEncrypted(datagram, HANDSHAKE_RECORD)) return true;
        isLost = true;
        return false;
      },
    });
    await keysOf(handshake);
    expect(isLost).toBe(true);
    await handshake.peerConnected; // the client repeats its own after half a second
    handshake.channel.release();
    const sent = handshake.sent.length;
    handshake.channel.onDatagram(record(22, 1, Buffer.alloc(60)));
    expect(handshake.sent).toHaveLength(sent);
  });

  test('a certificate is new each time and its fingerprint is the one of the SDP', async () => {
    const { X509Certificate } = await import('node:crypto');
    const { raw, fingerprint256 } = new X509Certificate(ours.certPem);
    expect(ours.fingerprint).toBe(fingerprint256);
    expect(createHash('sha256').update(raw).digest('hex').toUpperCase()).toBe(ours.fingerprint.replaceAll(':', ''));
    expect(theirs.fingerprint).not.toBe(ours.fingerprint);
  });
});
