import {
  createCipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { Handshake } from '../../../test/session/dtls-peer.ts';
import { fragment, record } from '../../../test/session/dtls-records.ts';
import { ENGINES } from '../../../test/session/engines.ts';
import type { Certificate } from './certificate.ts';
import type { DtlsEngine } from './secure-channel.ts';

/**
 * The attacker here sits on the path: it reads what both sides send, loses what it likes and speaks with the peer's
 * address. It lets the peer prove itself and then tries to take its place. All that it needs to know of the handshake
 * is in plain text.
 */
const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const SERVER_KEY_EXCHANGE = 12;
const CERTIFICATE_VERIFY = 15;
const CLIENT_KEY_EXCHANGE = 16;
const FINISHED = 20;
const MESSAGE_HEADER = 12;
/** DER before the 32 bytes of an X25519 public key (RFC 8410 §4). */
const SPKI_BYTES = 12;

let engine: DtlsEngine;
let theirs: Certificate;

async function turns(n: number): Promise<void> {
  for (let turn = 0; turn < n; turn++) await new Promise(setImmediate);
}

/** Handshake messages in plain text, headers included, in the order in which they were sent by either side. */
class Wire {
  readonly messages: Buffer[] = [];

  /** Notes the messages of a datagram. @returns false when it holds something encrypted, or announces it. */
  listen(datagram: Buffer): boolean {
    for (let at = 0; at + 13 <= datagram.length; ) {
      const end = at + 13 + datagram.readUInt16BE(at + 11);
      if (datagram.readUInt16BE(at + 3) > 0 || datagram[at] === CHANGE_CIPHER_SPEC) return false;
      if (datagram[at] === HANDSHAKE) this.messages.push(Buffer.from(datagram.subarray(at + 13, end)));
      at = end;
    }
    return true;
  }

  has(type: number): boolean {
    return this.messages.some((message) => message[0] === type);
  }

  /** The newest message of the type. */
  find(type: number): Buffer {
    const found = this.messages.findLast((message) => message[0] === type);
    if (found === undefined) throw new Error(`no message ${type} was sent`);
    return found;
  }

  /** What is hashed: from the ClientHello with the cookie on (RFC 6347 §4.2.1). */
  transcript(): Buffer {
    return Buffer.concat(this.messages.slice(this.messages.indexOf(this.find(CLIENT_HELLO))));
  }
}

/** TLS 1.2 PRF (RFC 5246 §5). */
function prf(secret: Buffer, label: string, seed: Buffer, length: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const hmac = (data: Buffer) => createHmac('sha256', secret).update(data).digest();
  const out: Buffer[] = [];
  for (let a = hmac(labelled), bytes = 0; bytes < length; bytes += 32, a = hmac(a)) {
    out.push(hmac(Buffer.concat([a, labelled])));
  }
  return Buffer.concat(out).subarray(0, length);
}
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();
const random = (hello: Buffer) => hello.subarray(MESSAGE_HEADER + 2, MESSAGE_HEADER + 34);

/** A client's Finished under the keys of `master`, in the record of epoch 1 that it would come in (RFC 5288 §3). */
function sealedFinished(master: Buffer, wire: Wire, sequence: number): Buffer {
  const randoms = Buffer.concat([random(wire.find(SERVER_HELLO)), random(wire.find(CLIENT_HELLO))]);
  const block = prf(master, 'key expansion', randoms, 40);
  const plain = fragment(FINISHED, sequence, prf(master, 'client finished', sha256(wire.transcript()), 12));
  const number = Buffer.from([0, 1, 0, 0, 0, 0, 0, 9]);
  const cipher = createCipheriv('aes-128-gcm', block.subarray(0, 16), Buffer.concat([block.subarray(32, 36), number]));
  cipher.setAAD(Buffer.concat([number, Buffer.from([HANDSHAKE, 0xfe, 0xfd, 0, plain.length])]));
  return record(HANDSHAKE, 1, Buffer.concat([number, cipher.update(plain), cipher.final(), cipher.getAuthTag()]), 9);
}

/** A handshake up to the peer's CertificateVerify; what the peer says after that is lost. */
async function provedPeer(): Promise<{ handshake: Handshake; wire: Wire; next: number }> {
  const wire = new Wire();
  const handshake = new Handshake({
    engine,
    expected: theirs,
    active: false,
    passes: (_from, datagram) => wire.listen(datagram),
  }).start();
  while (!wire.has(CERTIFICATE_VERIFY)) await turns(1);
  await turns(5);
  return { handshake, wire, next: wire.find(CERTIFICATE_VERIFY).readUInt16BE(4) + 1 };
}

/** How the engine says so. */
const outOfTurn = (type: number) =>
  engine.name === 'openssl' ? 'DTLS: unexpected message' : `handshake message ${type} came out of turn`;

describe.each(ENGINES)('handshakes by %s', (name) => {
  beforeAll(async () => {
    ({ engine, theirs } = await Handshake.prepare(name));
  });

  describe('a client that proved itself cannot be replaced on the way to its Finished', () => {
    test('by the ClientKeyExchange of somebody else', async () => {
      const { handshake, wire, next } = await provedPeer();
      const mine = generateKeyPairSync('x25519');
      const der = mine.publicKey.export({ type: 'spki', format: 'der' });
      const exchange = Buffer.concat([Buffer.from([32]), der.subarray(SPKI_BYTES)]);
      handshake.channel.onDatagram(record(HANDSHAKE, 0, fragment(CLIENT_KEY_EXCHANGE, next, exchange)));

      // RFC 8422 §5.4: curve type, curve, length, the server's key.
      const point = wire.find(SERVER_KEY_EXCHANGE).subarray(MESSAGE_HEADER + 4, MESSAGE_HEADER + 36);
      const servers = createPublicKey({
        key: Buffer.concat([der.subarray(0, SPKI_BYTES), point]),
        format: 'der',
        type: 'spki',
      });
      const secret = diffieHellman({ privateKey: mine.privateKey, publicKey: servers });
      const master = prf(secret, 'extended master secret', sha256(wire.transcript()), 48);
      handshake.channel.onDatagram(sealedFinished(master, wire, next + 1));
      expect(await handshake.outcome).toEqual({ refusal: outOfTurn(CLIENT_KEY_EXCHANGE) });
      expect(handshake.sentEncrypted).toBe(0);
    });

    test('by a new ClientHello', async () => {
      const { handshake, wire, next } = await provedPeer();
      const hello = Buffer.from(wire.messages[0] as Buffer); // without a cookie: werift would begin anew
      hello.writeUInt16BE(next, 4);
      const sent = handshake.sent.length;
      handshake.channel.onDatagram(record(HANDSHAKE, 0, hello));
      expect(await handshake.outcome).toEqual({ refusal: outOfTurn(CLIENT_HELLO) });
      // At most an alert, which says nothing secret.
      expect(handshake.sent.slice(sent).every((datagram) => datagram[0] === ALERT)).toBe(true);
    });
  });

  test.each([{ active: false }, { active: true }])(
    'whatever is changed on the way, nothing is thrown, and who is accepted has our keys (we are client: $active)',
    async ({ active }) => {
      const random = new Seeded(active ? 1347 : 6347);
      let refused = 0;
      for (let round = 0; round < 60; round++) {
        const spoilt = random.below(8); // of the peer's datagrams
        let outcome: Awaited<Handshake['outcome']> | undefined;
        const handshake = new Handshake({
          engine,
          expected: theirs,
          active,
          passes: (from, datagram, n) => {
            if (from !== 'peer' || n < spoilt || random.below(2) === 0) return true;
            for (let edits = random.below(3); edits >= 0; edits--)
              datagram[random.below(datagram.length)] = random.below(256);
            return true;
          },
        }).start();
        void handshake.outcome.then((settled) => {
          outcome = settled;
        });
        await turns(40);
        if (outcome !== undefined && 'keys' in outcome) {
          const keys = handshake.peer.extractSessionKeys(16, outcome.keys.profile === 7 ? 12 : 14);
          expect(outcome.keys.remoteKey).toBe(keys.localKey.toString('base64'));
        } else if (outcome !== undefined) refused++;
        handshake.channel.close();
      }
      expect(refused).toBeGreaterThan(5);
    },
  );
});
