import { createHash, createHmac, randomBytes, sign, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { type Certificate, makeCertificate } from './certificate.ts';
import { PeerVerifier } from './peer-verifier.ts';

const CERTIFICATE = 11;
const SERVER_KEY_EXCHANGE = 12;
const SERVER_HELLO_DONE = 14;
const CERTIFICATE_VERIFY = 15;
const FINISHED = 20;

const ECDSA_SHA256 = Buffer.from([4, 3]);
const transcript = randomBytes(500);
const masterSecret = randomBytes(48);
const randoms = randomBytes(64);

let peer: Certificate;
beforeAll(async () => {
  peer = await makeCertificate();
});

function verifier(weAreClient: boolean): PeerVerifier {
  const state = { transcript: () => transcript, masterSecret, clientAndServerRandom: randoms };
  return new PeerVerifier({ hash: 'sha-256', value: peer.fingerprint }, weAreClient, state);
}

/** RFC 5246 §7.4.2: a list of one certificate, each with its length. */
function certificate(): Buffer {
  const { raw } = new X509Certificate(peer.certPem);
  const lengths = Buffer.alloc(6);
  lengths.writeUIntBE(raw.length + 3, 0, 3);
  lengths.writeUIntBE(raw.length, 3, 3);
  return Buffer.concat([lengths, raw]);
}
function signed(data: Buffer): Buffer {
  const signature = sign('sha256', data, peer.keyPem);
  return Buffer.concat([ECDSA_SHA256, Buffer.from([0, signature.length]), signature]);
}
/** RFC 8422 §5.4: a named curve (x25519), the point, the signature. */
function serverKeyExchange(): Buffer {
  const parameters = Buffer.concat([Buffer.from([3, 0, 29, 32]), randomBytes(32)]);
  return Buffer.concat([parameters, signed(Buffer.concat([randoms, parameters]))]);
}
/** RFC 5246 §7.4.9, with one round of the PRF of §5. */
function finished(label: string): Buffer {
  const seed = Buffer.concat([Buffer.from(label), createHash('sha256').update(transcript).digest()]);
  const hmac = (data: Buffer) => createHmac('sha256', masterSecret).update(data).digest();
  return hmac(Buffer.concat([hmac(seed), seed])).subarray(0, 12);
}

describe('a client of ours', () => {
  test('is good with its certificate, its signature and its Finished', () => {
    const server = verifier(false);
    expect(server.check({ type: CERTIFICATE, body: certificate() })).toBeUndefined();
    expect(server.check({ type: CERTIFICATE_VERIFY, body: signed(transcript) })).toBeUndefined();
    expect(server.check({ type: FINISHED, body: finished('client finished') })).toBeUndefined();
  });

  test("cannot prove itself by a server's message, though its key signed that one", () => {
    const server = verifier(false);
    server.check({ type: CERTIFICATE, body: certificate() });
    expect(server.check({ type: SERVER_KEY_EXCHANGE, body: serverKeyExchange() })).toMatch(/ServerKeyExchange/);
    expect(server.check({ type: FINISHED, body: finished('client finished') })).toMatch(/before/);
  });

  test("cannot finish with the server's label", () => {
    const server = verifier(false);
    server.check({ type: CERTIFICATE, body: certificate() });
    server.check({ type: CERTIFICATE_VERIFY, body: signed(transcript) });
    expect(server.check({ type: FINISHED, body: finished('server finished') })).toBe('Finished is wrong');
  });

  test('cannot sign before it showed a certificate', () => {
    expect(verifier(false).check({ type: CERTIFICATE_VERIFY, body: signed(transcript) })).toMatch(/signature is wrong/);
  });
});

describe('a server of ours', () => {
  test('is good with its certificate, its signed key and its Finished', () => {
    const client = verifier(true);
    expect(client.check({ type: CERTIFICATE, body: certificate() })).toBeUndefined();
    expect(client.check({ type: SERVER_KEY_EXCHANGE, body: serverKeyExchange() })).toBeUndefined();
    expect(client.check({ type: SERVER_HELLO_DONE, body: Buffer.alloc(0) })).toBeUndefined();
    expect(client.check({ type: FINISHED, body: finished('server finished') })).toBeUndefined();
  });

  test('that does not sign its key is refused', () => {
    const client = verifier(true);
    client.check({ type: CERTIFICATE, body: certificate() });
    expect(client.check({ type: SERVER_HELLO_DONE, body: Buffer.alloc(0) })).toMatch(/did not authenticate/);
    expect(client.check({ type: CERTIFICATE_VERIFY, body: signed(transcript) })).toMatch(/CertificateVerify/);
  });
});

test('whatever comes, nothing is thrown and nothing forged is good', () => {
  const random = new Seeded(5246);
  const valid = [
    { type: CERTIFICATE, body: certificate() },
    { type: SERVER_KEY_EXCHANGE, body: serverKeyExchange() },
    { type: FINISHED, body: finished('server finished') },
  ];
  for (let round = 0; round < 1500; round++) {
    const client = verifier(true);
    const at = round % valid.length;
    for (const message of valid.slice(0, at)) client.check(message);
    const { type, body } = valid[at] as (typeof valid)[number];
    const forged = round % 4 === 0 ? random.bytes(random.below(100)) : random.mutate(body);
    const refusal = client.check({ type, body: forged });
    // What follows the certificate or the signature is not read.
    const isSame = forged.subarray(0, body.length).equals(body) && type !== FINISHED;
    const hasSameCertificate = type === CERTIFICATE && forged.subarray(3, body.length).equals(body.subarray(3));
    if (!isSame && !hasSameCertificate && !forged.equals(body)) expect(refusal).toBeTypeOf('string');
  }
});
