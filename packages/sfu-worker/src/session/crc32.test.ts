import { expect, test } from 'vitest';
import { crc32 } from './crc32.ts';

test.each([
  ['123456789', 0xcbf4_3926], // the check value of CRC-32/ISO-HDLC
  ['', 0],
  ['a', 0xe8b7_be43],
])('the CRC of %j is known', (text, expected) => {
  expect(crc32(Buffer.from(text))).toBe(expected);
});
