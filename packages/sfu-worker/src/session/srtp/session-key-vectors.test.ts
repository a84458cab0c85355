import { beforeEach, describe, expect, test, vi } from 'vitest';
import { SrtpSender } from './protect.ts';
import { SrtpReceiver } from './unprotect.ts';

/**
 * RFC 7714 §16, §17 and RFC 3711 B.2 give session keys, so the key derivation, which has vectors of its own, is passed
 * over here: it hands out what a test puts in.
 */
const session = vi.hoisted(() => ({ key: '', salt: '' }));
vi.mock('./kdf.ts', async (importOriginal) => {
  const actual = await importOriginal<typeof import('./kdf.ts')>();
  const { LABEL } = actual;
  return {
    ...actual,
    deriveKey: (_key: Buffer, _salt: Buffer, label: number, bytes: number): Buffer => {
      const isSalt = label === LABEL.RTP_SALT || label === LABEL.RTCP_SALT;
      const isKey = label === LABEL.RTP_ENCRYPTION || label === LABEL.RTCP_ENCRYPTION;
      return isSalt ? Buffer.from(session.salt, 'hex') : isKey ? Buffer.from(session.key, 'hex') : Buffer.alloc(bytes);
    },
  };
});

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

describe('AEAD_AES_128_GCM of RFC 7714', () => {
  beforeEach(() => {
    session.key = '000102030405060708090a0b0c0d0e0f';
    session.salt = '517569642070726f2071756f'; // "Quid pro quo"
  });

  const PLAIN = hex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
    69736120 696e2070 61727465 73207472 6573`);
  const PROTECTED = hex(`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
    0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`);
  const INDEX = 0xf17b; // ROC 0

  test('a packet is protected as in §16.1.1', () => {
    const bytes = Buffer.concat([PLAIN, Buffer.alloc(16)]);
    expect(new SrtpSender(7, '', '').protect(bytes, 0, 12, PLAIN.length, INDEX)).toBe(PROTECTED.length);
    expect(bytes).toEqual(PROTECTED);
  });

  test('a packet is opened as in §16.1.2', () => {
    const bytes = Buffer.from(PROTECTED);
    const end = new SrtpReceiver(7, '', '').unprotect(bytes, 0, bytes.length, 12, INDEX);
    expect(bytes.subarray(0, end)).toEqual(PLAIN);
  });

  const RTCP = hex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef`);
  const RTCP_PROTECTED = hex(`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
    c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`);
  const RTCP_TAG_ONLY = hex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4`);

  test('RTCP is protected as in §17.1', () => {
    const bytes = Buffer.concat([RTCP, Buffer.alloc(20)]);
    expect(new SrtpSender(7, '', '').protectRtcp(bytes, RTCP.length, 0x5d4)).toBe(RTCP_PROTECTED.length);
    expect(bytes).toEqual(RTCP_PROTECTED);
  });

  test.each([
    ['encrypted, as in §17.1', RTCP_PROTECTED],
    ['only authenticated, as in §17.3', RTCP_TAG_ONLY],
  ])('RTCP is opened when it is %s', (_how, packet) => {
    const bytes = Buffer.from(packet);
    const receiver = new SrtpReceiver(7, '', '');
    const end = receiver.unprotectRtcp(bytes, 0, bytes.length);
    expect(bytes.subarray(0, end)).toEqual(RTCP);
    expect(receiver.rtcpIndex).toBe(0x5d4);
  });

  test('the E bit is authenticated: encrypted RTCP cannot be passed off as plain, nor the reverse', () => {
    for (const packet of [RTCP_PROTECTED, RTCP_TAG_ONLY]) {
      const bytes = Buffer.from(packet);
      const word = bytes.length - 4;
      bytes[word] = (bytes[word] as number) ^ 0x80;
      expect(new SrtpReceiver(7, '', '').unprotectRtcp(bytes, 0, bytes.length)).toBe(-1);
    }
  });
});

describe('AES counter mode of RFC 3711 B.2', () => {
  beforeEach(() => {
    session.key = '2b7e151628aed2a6abf7158809cf4f3c';
    session.salt = 'f0f1f2f3f4f5f6f7f8f9fafbfcfd';
  });

  test('the keystream is the one of the appendix, block by block', () => {
    const bytes = Buffer.alloc(12 + 48 + 10); // SSRC, ROC and sequence number 0, a payload of zeros
    bytes[0] = 0x80;
    new SrtpSender(1, '', '').protect(bytes, 0, 12, 12 + 48, 0);
    expect(bytes.subarray(12, 60)).toEqual(
      hex(`e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab 41e95b3bb0a2e8dd477901e4fca894c0`),
    );
  });
});
