import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Seeded } from '../../test/rtp/seeded.ts';
import {
  attribute,
  attributesOf,
  connectivityCheck,
  fingerprint,
  isGenuine,
  message,
  sign,
} from '../../test/session/stun-messages.ts';
import { bindingSuccess, parseBindingRequest, verifyRequest } from './stun.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** RFC 5769: all samples share the transaction id and the password. */
const TRANSACTION = hex('b7e7a701 bc34d686 fa87dfae');
const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';

/** RFC 5769 §2.1 */
const SAMPLE_REQUEST = hex(`
  0001 0058 2112a442 b7e7a701 bc34d686 fa87dfae
  8022 0010 5354554e 20746573 7420636c 69656e74
  0024 0004 6e0001ff
  8029 0008 932ff9b1 51263b36
  0006 0009 6576746a 3a683676 59202020
  0008 0014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
  8028 0004 e57a3bcf`);
/** RFC 5769 §2.2: 192.0.2.1 port 32853 */
const SAMPLE_IPV4_RESPONSE = hex(`
  0101 003c 2112a442 b7e7a701 bc34d686 fa87dfae
  8022 000b 74657374 20766563 746f7220
  0020 0008 0001a147 e112a643
  0008 0014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
  8028 0004 c07d4c96`);
/** RFC 5769 §2.3: 2001:db8:1234:5678:11:2233:4455:6677 port 32853 */
const SAMPLE_IPV6_RESPONSE = hex(`
  0101 0048 2112a442 b7e7a701 bc34d686 fa87dfae
  8022 000b 74657374 20766563 746f7220
  0020 0014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
  0008 0014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
  8028 0004 c8fb0b4c`);

const XOR_MAPPED_ADDRESS = 0x0020;

const verifies = (datagram: Buffer, pwd: string): boolean => {
  const request = parseBindingRequest(datagram);
  return request !== undefined && verifyRequest(datagram, request, pwd);
};

describe('requests', () => {
  test('the sample request of RFC 5769 §2.1 is read and verified', () => {
    const request = parseBindingRequest(SAMPLE_REQUEST);
    expect(request).toMatchObject({ ufrag: 'evtj', peerUfrag: 'h6vY', useCandidate: false });
    expect(request?.transactionId.equals(TRANSACTION)).toBe(true);
    expect(verifies(SAMPLE_REQUEST, PASSWORD)).toBe(true);
    expect(verifies(SAMPLE_REQUEST, `${PASSWORD}x`)).toBe(false);
  });

  test('no bit of a request up to the end of its integrity can change unnoticed, nor one of the FINGERPRINT value', () => {
    for (let bit = 0; bit < SAMPLE_REQUEST.length * 8; bit++) {
      // What turns FINGERPRINT into another attribute changes nothing that counts (RFC 8489 §14.5).
      if (bit >> 3 === 100 || bit >> 3 === 101) continue;
      const forged = Buffer.from(SAMPLE_REQUEST);
      const byte = bit >> 3;
      forged[byte] = (forged[byte] as number) ^ (1 << (bit & 7));
      expect(verifies(forged, PASSWORD), `bit ${bit}`).toBe(false);
    }
  });

  test('a check without FINGERPRINT is taken, one whose FINGERPRINT is wrong is not', () => {
    const bare = sign(message(1, [attribute(6, Buffer.from('a:b'))]), 'secret');
    expect(verifies(bare, 'secret')).toBe(true);
    const marked = fingerprint(bare);
    expect(verifies(marked, 'secret')).toBe(true);
    marked[marked.length - 1] = (marked[marked.length - 1] as number) ^ 1;
    expect(verifies(marked, 'secret')).toBe(false);
  });

  test('USE-CANDIDATE counts only before MESSAGE-INTEGRITY', () => {
    const credentials = { ufrag: 'ours', pwd: 'secret', peerUfrag: 'theirs' };
    expect(parseBindingRequest(connectivityCheck({ ...credentials, useCandidate: true }))?.useCandidate).toBe(true);
    const signed = sign(message(1, [attribute(6, Buffer.from('ours:theirs'))]), 'secret');
    const behind = Buffer.concat([signed, attribute(0x25, Buffer.alloc(0))]);
    behind.writeUInt16BE(behind.length - 20, 2);
    expect(parseBindingRequest(behind)?.useCandidate).toBe(false);
  });

  test.each([
    ['is empty', Buffer.alloc(0)],
    ['is shorter than a header', SAMPLE_REQUEST.subarray(0, 19)],
    ['lacks USERNAME', sign(message(1, []), 'secret')],
    ['lacks MESSAGE-INTEGRITY', message(1, [attribute(6, Buffer.from('a:b'))])],
    [
      'has an integrity of another length',
      message(1, [attribute(6, Buffer.from('a:b')), attribute(8, Buffer.alloc(32))]),
    ],
    ['is an indication', sign(message(0x0011, [attribute(6, Buffer.from('a:b'))]), 'secret')],
    ['is a response', SAMPLE_IPV4_RESPONSE],
    ['has another cookie', Buffer.concat([SAMPLE_REQUEST.subarray(0, 4), Buffer.alloc(4), SAMPLE_REQUEST.subarray(8)])],
    ['says another length', SAMPLE_REQUEST.subarray(0, SAMPLE_REQUEST.length - 4)],
    ['has something behind FINGERPRINT', message(1, [SAMPLE_REQUEST.subarray(20), attribute(0x25, Buffer.alloc(0))])],
    ['has an attribute over its end', message(1, [hex('0006 00ff 61613a62')])],
    ['is larger than any check', message(1, [attribute(6, Buffer.alloc(1400, 0x61))])],
  ])('what %s is refused', (_why, datagram) => {
    expect(parseBindingRequest(datagram)).toBeUndefined();
  });

  test('whatever comes, reading it throws nothing, and nothing forged verifies', () => {
    const random = new Seeded(5769);
    const valid = [SAMPLE_REQUEST, connectivityCheck({ ufrag: 'ours', pwd: PASSWORD, peerUfrag: 'theirs' })];
    for (let round = 0; round < 10_000; round++) {
      const original = valid[round % 2] as Buffer;
      const datagram = round % 5 === 0 ? random.bytes(random.below(200)) : random.mutate(original);
      const request = parseBindingRequest(datagram);
      if (request === undefined || !verifyRequest(datagram, request, PASSWORD)) continue;
      // Only bytes behind the integrity may differ, and they do not count.
      expect(datagram.subarray(0, request.integrityAt + 24)).toEqual(original.subarray(0, request.integrityAt + 24));
    }
  });
});

describe('responses', () => {
  test.each([
    ['§2.2', SAMPLE_IPV4_RESPONSE, '192.0.2.1'],
    ['§2.3', SAMPLE_IPV6_RESPONSE, '2001:db8:1234:5678:11:2233:4455:6677'],
  ])('the address of RFC 5769 %s is written as there, and signed', (_section, sample, address) => {
    expect(isGenuine(sample, PASSWORD)).toBe(true); // the oracle reads the RFC's own signature
    const ours = bindingSuccess(TRANSACTION, address, 32853, PASSWORD);
    expect(attributesOf(ours).get(XOR_MAPPED_ADDRESS)?.value).toEqual(
      attributesOf(sample).get(XOR_MAPPED_ADDRESS)?.value,
    );
    expect(ours.subarray(0, 2)).toEqual(sample.subarray(0, 2));
    expect(ours.subarray(4, 20)).toEqual(sample.subarray(4, 20));
    expect(ours.readUInt16BE(2)).toBe(ours.length - 20);
    expect(isGenuine(ours, PASSWORD)).toBe(true);
    expect(isGenuine(ours, 'another')).toBe(false);
  });

  test('every IPv6 spelling gives the address that it means', () => {
    const spelled = (address: string) =>
      attributesOf(bindingSuccess(Buffer.alloc(12), address, 1, 'p'))
        .get(XOR_MAPPED_ADDRESS)
        ?.value.toString('hex');
    expect(spelled('::1')).toBe(spelled('0:0:0:0:0:0:0:1'));
    expect(spelled('fe80::1%eth0')).toBe(spelled('fe80:0:0:0:0:0:0:1'));
    expect(spelled('::ffff:192.0.2.1')).toBe(spelled('0:0:0:0:0:ffff:c000:201'));
    expect(spelled('2001:db8::')).toBe(spelled('2001:db8:0:0:0:0:0:0'));
    expect(spelled('::')).toBe(spelled('0:0:0:0:0:0:0:0'));
  });

  test('any address and port can be read back', () => {
    const ipv6 = fc.ipV6().filter((address) => isIP(address) === 6);
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), ipv6), fc.integer({ min: 0, max: 65535 }), (address, port) => {
        const id = Buffer.from('0123456789ab');
        const value = attributesOf(bindingSuccess(id, address, port, 'p')).get(XOR_MAPPED_ADDRESS)?.value;
        const mask = Buffer.concat([hex('2112a442'), id]);
        expect(value?.[1]).toBe(isIP(address) === 4 ? 1 : 2);
        expect((value?.readUInt16BE(2) ?? 0) ^ 0x2112).toBe(port);
        const bytes = Buffer.from(value?.subarray(4) ?? []).map((byte, i) => byte ^ (mask[i] as number));
        if (isIP(address) === 4) expect([...bytes].join('.')).toBe(address);
        else expect(new URL(`http://[${toWords(bytes)}]`).host).toBe(new URL(`http://[${address}]`).host);
      }),
      { numRuns: 300 },
    );
  });
});

function toWords(bytes: Uint8Array): string {
  return (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':');
}
