import { randomBytes, verify, X509Certificate } from 'node:crypto';
import { PrivateKey } from '@fidm/x509';
import { p256 } from '@noble/curves/p256';
import nacl from 'tweetnacl';
import { expect, test, vi } from 'vitest';
import { Handshake } from '../../../test/session/dtls-peer.ts';
import { warmUp } from './warm-up.ts';

// Taken before anything was replaced.
const stockP256 = { ...p256 };
const stock = { keyPair: nacl.box.keyPair, scalarMult: nacl.scalarMult, sign: PrivateKey.prototype.sign };

test('OpenSSL stands in for the JavaScript crypto, gives the same results, and is what a handshake really calls', async () => {
  const { engine, ours, theirs } = await Handshake.prepare('werift');
  expect(nacl.box.keyPair).not.toBe(stock.keyPair);
  expect(nacl.scalarMult).not.toBe(stock.scalarMult);
  expect(PrivateKey.prototype.sign).not.toBe(stock.sign);

  for (let i = 0; i < 20; i++) {
    const pair = nacl.box.keyPair();
    const other = stock.keyPair();
    // As werift keeps it: a Buffer over the same memory.
    const kept = Buffer.from(pair.secretKey.buffer);
    expect(nacl.scalarMult(kept, other.publicKey)).toEqual(stock.scalarMult(other.secretKey, pair.publicKey));
    expect(nacl.scalarMult(other.secretKey, pair.publicKey)).toEqual(stock.scalarMult(other.secretKey, pair.publicKey));
  }
  const data = randomBytes(100);
  const signature = PrivateKey.fromPEM(Buffer.from(ours.keyPem)).sign(data, 'sha256');
  expect(verify('sha256', data, new X509Certificate(ours.certPem).publicKey, signature)).toBe(true);

  const keyPair = vi.spyOn(nacl.box, 'keyPair');
  const scalarMult = vi.spyOn(nacl, 'scalarMult');
  const sign = vi.spyOn(PrivateKey.prototype, 'sign');
  const { channel, outcome } = new Handshake({ active: false, engine, expected: theirs }).start();
  expect(await outcome).toHaveProperty('keys');
  // Both ends are in this process: an ephemeral key and a shared secret each, and the server's signature.
  expect(keyPair).toHaveBeenCalledTimes(2);
  expect(scalarMult).toHaveBeenCalledTimes(2);
  expect(sign).toHaveBeenCalledTimes(1);
  channel.close();
});

test('P-256 is OpenSSL’s as well, with the same results, for a handshake that has no other curve', async () => {
  const { engine } = await Handshake.prepare('werift');
  expect(p256.getSharedSecret).not.toBe(stockP256.getSharedSecret);
  for (let i = 0; i < 20; i++) {
    const own = p256.utils.randomPrivateKey();
    const other = stockP256.utils.randomPrivateKey();
    const point = p256.getPublicKey(own, false);
    expect(Buffer.from(point)).toEqual(Buffer.from(stockP256.getPublicKey(own, false)));
    // What werift takes of it: all but the first byte.
    const secret = Buffer.from(p256.getSharedSecret(own, stockP256.getPublicKey(other, false))).subarray(1);
    expect(secret).toEqual(Buffer.from(stockP256.getSharedSecret(other, point)).subarray(1));
  }
  const offCurve = Buffer.from(p256.getPublicKey(p256.utils.randomPrivateKey(), false));
  offCurve[40] = (offCurve[40] as number) ^ 1;
  expect(() => p256.getSharedSecret(p256.utils.randomPrivateKey(), offCurve)).toThrow();
  const randomPrivateKey = vi.spyOn(p256.utils, 'randomPrivateKey');
  warmUp(engine); // a hello with P-256 alone
  expect(randomPrivateKey).toHaveBeenCalledOnce();
});
