import * as zlib from 'node:zlib';

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value >>> 0;
});

function crc32Table(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** CRC-32 of ISO 3309, as STUN's FINGERPRINT wants it. zlib has one from Node 20.15 on. */
export const crc32: (bytes: Buffer) => number =
  'crc32' in zlib ? (zlib as { crc32: (bytes: Buffer) => number }).crc32 : crc32Table;
