import { createHash, hash, type KeyObject } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 20;
/** Free bytes that `HmacSha1.sign` needs before the message: the inner key block goes there. */
export const HMAC_HEADROOM = BLOCK_BYTES;

/**
 * HMAC-SHA1 (RFC 2104) as two one-shot hashes. An `Hmac` object costs 2.7 us of CPU a packet of 1,165 bytes, `hash` into a
 * string 1.3 (bench/srtp.bench.ts): most of the former is the object, not SHA-1.
 */
export class HmacSha1 {
  readonly #inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  /** The outer key block, and room for the inner digest behind it. */
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c);

  constructor(key: KeyObject) {
    let bytes = key.export();
    if (bytes.length > BLOCK_BYTES) bytes = createHash('sha1').update(bytes).digest();
    for (let i = 0; i < bytes.length; i++) {
      this.#inner[i] = 0x36 ^ (bytes[i] as number);
      this.#outer[i] = 0x5c ^ (bytes[i] as number);
    }
  }

  /**
   * Writes the first `tagBytes` of the MAC of bytes[start, end) to `at`. The HMAC_HEADROOM bytes before `start` are
   * overwritten.
   */
  sign(bytes: Buffer, start: number, end: number, at: number, tagBytes: number): void {
    this.#inner.copy(bytes, start - BLOCK_BYTES);
    this.#outer.write(hash('sha1', bytes.subarray(start - BLOCK_BYTES, end), 'binary'), BLOCK_BYTES, 'latin1');
    bytes.write(hash('sha1', this.#outer, 'binary'), at, tagBytes, 'latin1');
  }
}
