import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { record } from '../../../test/session/dtls-records.ts';
import { closeNotify, readAlert } from './alert.ts';

const key = () => randomBytes(16).toString('base64');
const iv = () => randomBytes(4).toString('base64');
const ours = { ownKey: key(), ownIv: iv(), peerKey: key(), peerIv: iv() };
const theirs = { ownKey: ours.peerKey, ownIv: ours.peerIv, peerKey: ours.ownKey, peerIv: ours.ownIv };

describe('alerts', () => {
  test.each([0, 4096, 2 ** 32, 2 ** 48 - 1])('close_notify in record %i is read by the other side', (sequence) => {
    const sent = closeNotify(ours, sequence);
    expect(sent.readUInt16BE(3)).toBe(1); // epoch
    expect(sent.readUIntBE(5, 6)).toBe(sequence);
    expect(readAlert(theirs, sent)).toEqual(Buffer.from([1, 0]));
    expect(readAlert(ours, sent)).toBeUndefined(); // it is not ours to read: directions have their own keys
  });

  test('a sealed fatal alert is read', () => {
    const number = Buffer.from([0, 1, 0, 0, 0, 0, 0, 9]);
    const nonce = Buffer.concat([Buffer.from(theirs.ownIv, 'base64'), number]);
    const cipher = createCipheriv('aes-128-gcm', Buffer.from(theirs.ownKey, 'base64'), nonce);
    cipher.setAAD(Buffer.concat([number, Buffer.from([21, 0xfe, 0xfd, 0, 2])]));
    const sealed = Buffer.concat([cipher.update(Buffer.from([2, 80])), cipher.final(), cipher.getAuthTag()]);
    expect(readAlert(ours, record(21, 1, Buffer.concat([number, sealed]), 9))).toEqual(Buffer.from([2, 80]));
  });

  test('no bit of it can be changed', () => {
    const sent = closeNotify(ours, 5000);
    for (let bit = 0; bit < sent.length * 8; bit++) {
      // The length field is the caller's to check; the tag covers what it should be.
      if (bit >> 3 === 11 || bit >> 3 === 12) continue;
      const forged = Buffer.from(sent);
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(readAlert(theirs, forged), `bit ${bit}`).toBeUndefined();
    }
  });

  test('a plaintext alert, a record of another kind and rubbish are no alerts', () => {
    expect(readAlert(ours, record(21, 0, Buffer.from([1, 0])))).toBeUndefined();
    expect(readAlert(ours, record(22, 1, Buffer.alloc(26)))).toBeUndefined();
    const random = new Seeded(21);
    const sent = closeNotify(theirs, 5000);
    for (let round = 0; round < 2000; round++) {
      const bytes = round % 2 === 0 ? random.bytes(random.below(80)) : random.mutate(sent);
      if (!bytes.subarray(13).equals(sent.subarray(13))) expect(readAlert(ours, bytes)).toBeUndefined();
    }
  });
});
