import { byteAt } from '../bytes.ts';

/** The body of a NAL unit without emulation prevention (H.264 §7.4.1.1, H.265 §7.4.2.1): 00 00 03 becomes 00 00. A copy. */
export function unescapeRbsp(buffer: Buffer, start: number, end: number): Buffer {
  const rbsp = Buffer.alloc(Math.max(0, end - start));
  let length = 0;
  let zeros = 0;
  for (let at = start; at < end; at++) {
    const byte = byteAt(buffer, at);
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    rbsp[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return rbsp.subarray(0, length);
}

/** Reads bits, most significant first. Past the end everything is 0 and `overrun` is true: check it once, at the end. */
export class BitReader {
  readonly #bytes: Buffer;
  #at = 0;
  /** True once a read went past the end or met a code of impossible length. */
  overrun = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  /** The next `count` bits as an unsigned number, count 0..32. */
  bits(count: number): number {
    if (this.#at + count > 8 * this.#bytes.length) {
      this.overrun = true;
      this.#at = 8 * this.#bytes.length;
      return 0;
    }
    let value = 0;
    for (let left = count; left > 0; ) {
      const offset = this.#at & 7;
      const take = Math.min(8 - offset, left);
      const byte = byteAt(this.#bytes, this.#at >> 3);
      value = value * 2 ** take + ((byte >> (8 - offset - take)) & ((1 << take) - 1));
      this.#at += take;
      left -= take;
    }
    return value;
  }

  skip(count: number): void {
    this.#at += count;
    if (this.#at <= 8 * this.#bytes.length) return;
    this.overrun = true;
    this.#at = 8 * this.#bytes.length;
  }

  /** ue(v), an unsigned Exp-Golomb code (H.264 §9.1): 0..2^32-2. */
  ue(): number {
    let zeros = 0;
    while (!this.flag()) {
      if (this.overrun || ++zeros > 31) {
        this.overrun = true;
        return 0;
      }
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** se(v), signed: 0, 1, -1, 2, -2, … */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : 0 - code / 2;
  }
}
