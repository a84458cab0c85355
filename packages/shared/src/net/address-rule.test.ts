import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressRule } from './address-rule.ts';

describe('without networks', () => {
  const rule = new AddressRule([]);
  test.for([
    ...[
      '0.0.0.0',
      '0.1.2.3',
      '169.254.169.254',
      '168.63.129.16',
      '224.0.0.1',
      '255.255.255.255',
      '::',
      'fe80::1',
      'ff02::1',
    ],
    ...['fd00:ec2::254', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:a9fe:a9fe', '::169.254.169.254'],
    ...['64:ff9b::a9fe:a9fe', '64:ff9b::169.254.169.254', '64:ff9b:1::a9fe:a9fe', '2002:a9fe:a9fe::1', 'fe80::1%eth0'],
    ...[
      '2001:0:4136:e378:8000:63bf:5601:5601',
      '::ffff:0:a9fe:a9fe',
      '::ffff:0.0.0.0',
      '',
      'localhost',
      '0x7f.1',
      '2130706433',
    ],
  ])('%s is nowhere that anybody means', (address) => expect(rule.allows(address)).toBe(false));

  test.for(['127.0.0.1', '::1', '10.0.0.5', '192.168.1.9', '203.0.113.7', 'fd12::9', '2001:db8::1', '::ffff:10.0.0.5'])(
    '%s may be a camera',
    (address) => expect(rule.allows(address)).toBe(true),
  );
});

describe('with networks', () => {
  const rule = new AddressRule(['192.168.7.0/24', '2001:db8::/32', '169.254.0.0/16']);
  test.for(['192.168.7.9', '::ffff:192.168.7.9', '::ffff:c0a8:709', '2001:db8::5', '169.254.3.4'])(
    '%s is in them',
    (address) => expect(rule.allows(address)).toBe(true),
  );
  test.for([
    ...[
      '192.168.8.9',
      '127.0.0.1',
      '::1',
      '::ffff:127.0.0.1',
      '::127.0.0.1',
      '64:ff9b::c0a8:709',
      '2002:c0a8:709::1',
      'fe80::1',
    ],
    ...['10.0.0.1', '0.0.0.0', '2001:db9::1', 'cam.example'],
  ])('%s is not', (address) => expect(rule.allows(address)).toBe(false));
});

test('an IPv4 address has one answer, in whatever letters', () => {
  const rules = [new AddressRule([]), new AddressRule(['10.0.0.0/8', '169.254.1.0/24'])];
  const byte = fc.oneof(fc.constantFrom(0, 10, 127, 169, 254, 255), fc.nat(255));
  fc.assert(
    fc.property(fc.tuple(byte, byte, byte, byte), ([a, b, c, d]) => {
      const plain = `${a}.${b}.${c}.${d}`;
      const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
      for (const rule of rules)
        for (const mapped of [`::ffff:${plain}`, `::FFFF:${hex}`, `0:0:0:0:0:ffff:${hex}`])
          expect([mapped, rule.allows(mapped)]).toEqual([mapped, rule.allows(plain)]);
    }),
  );
});
