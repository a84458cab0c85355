import { randomBytes, verify, X509Certificate } from 'node:crypto';
import { PrivateKey } from '@fidm/x509';
import nacl from 'tweetnacl';
import { expect, test, vi } from 'vitest';
import { Handshake } from '../../../test/session/dtls-peer.ts';

// Taken before anything was replaced.
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
