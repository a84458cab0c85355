import { type Cipher, createCipheriv } from 'node:crypto';

const BLOCK_BYTES = 16;
const BLOCK_WORDS = 4;
/** Counter blocks encrypted in one call: about eight packets, and small enough to stay in the cache. */
const MAX_BLOCKS = 768;
/** RFC 3711 §4.1.1: the counter has 16 bits, and no packet of ours has more blocks than fit a byte's worth below. */
const MAX_PACKET_BLOCKS = 256;

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** One thread protects one run at a time, so all senders share the scratch. */
const counterBytes = Buffer.alloc(MAX_BLOCKS * BLOCK_BYTES);
const counterWords = new Int32Array(counterBytes.buffer, counterBytes.byteOffset, MAX_BLOCKS * BLOCK_WORDS);

/**
 * AES-128 counter mode for runs of packets of one sender (RFC 3711 §4.1.1). AES in ECB mode with a standing key makes the
 * keystream of many packets in one call; a cipher object a packet costs four times as much (bench/srtp.bench.ts).
 */
export class CounterMode {
  readonly #ecb: Cipher;
  readonly #salt: Buffer;

  /** @param salt 14 bytes */
  constructor(key: Buffer, salt: Buffer) {
    this.#ecb = createCipheriv('aes-128-ecb', key, null);
    this.#ecb.setAutoPadding(false);
    this.#salt = salt;
  }

  /**
   * Encrypts (or decrypts) the payloads of `count` RTP packets of one SSRC in place.
   * @param bytes holds all packets; where a payload is aligned to 4 bytes it goes faster
   * @param starts offset of each packet
   * @param lengths of each packet, header included
   * @param indexes SRTP packet indexes
   */
  applyRun(
    bytes: Buffer,
    starts: Int32Array,
    lengths: Int32Array,
    indexes: Float64Array,
    count: number,
    headerLength: number,
  ): void {
    let first = 0;
    while (first < count) {
      let blocks = 0;
      let next = first;
      while (next < count) {
        const needed = Math.ceil(((lengths[next] as number) - headerLength) / BLOCK_BYTES);
        if (next > first && blocks + needed > MAX_BLOCKS) break;
        const ssrc = bytes.readUInt32BE((starts[next] as number) + 8);
        this.#writeCounters(blocks, needed, ssrc, indexes[next] as number);
        blocks += needed;
        next++;
      }
      const made = this.#ecb.update(counterBytes.subarray(0, blocks * BLOCK_BYTES));
      // OpenSSL's output has an ArrayBuffer of its own, so it is aligned.
      const keystream = new Int32Array(made.buffer, made.byteOffset, made.length >>> 2);
      let block = 0;
      for (let i = first; i < next; i++) {
        const from = (starts[i] as number) + headerLength;
        const length = (lengths[i] as number) - headerLength;
        xor(bytes, from, length, keystream, block * BLOCK_BYTES);
        block += Math.ceil(length / BLOCK_BYTES);
      }
      first = next;
    }
  }

  #writeCounters(at: number, blocks: number, ssrc: number, index: number): void {
    if (blocks > MAX_PACKET_BLOCKS) throw new RangeError('the packet is too long for counter mode here');
    const salt = this.#salt;
    const roc = Math.floor(index / 0x1_0000);
    const head = counterBytes.subarray(at * BLOCK_BYTES, at * BLOCK_BYTES + BLOCK_BYTES);
    salt.copy(head);
    head.writeInt32BE(head.readInt32BE(4) ^ ssrc, 4);
    head.writeInt32BE(head.readInt32BE(8) ^ roc, 8);
    head.writeUInt16BE(head.readUInt16BE(12) ^ (index % 0x1_0000), 12);
    head[14] = 0;
    head[15] = 0;
    const word = at * BLOCK_WORDS;
    const w0 = counterWords[word] as number;
    const w1 = counterWords[word + 1] as number;
    const w2 = counterWords[word + 2] as number;
    const w3 = counterWords[word + 3] as number;
    for (let counter = 1; counter < blocks; counter++) {
      const to = word + counter * BLOCK_WORDS;
      counterWords[to] = w0;
      counterWords[to + 1] = w1;
      counterWords[to + 2] = w2;
      counterWords[to + 3] = isLittleEndian ? w3 | (counter << 24) : w3 | counter;
    }
  }
}

/** Views used last: a worker's packets lie in one pool on the way out, and in one scratch on the way in. */
let recent: Int32Array = new Int32Array(0);
let former: Int32Array = new Int32Array(0);

function wordsOf(buffer: ArrayBufferLike): Int32Array {
  if (recent.buffer === buffer) return recent;
  const found = former.buffer === buffer ? former : new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  former = recent;
  recent = found;
  return found;
}

/** bytes[from, from + length) ^= keystream[at, …), by words where both sides are aligned. */
function xor(bytes: Buffer, from: number, length: number, keystream: Int32Array, at: number): void {
  const target = bytes.byteOffset + from;
  let done = 0;
  if (target % 4 === 0) {
    const words = wordsOf(bytes.buffer);
    const first = target >>> 2;
    const source = at >>> 2;
    const count = length >>> 2;
    for (let i = 0; i < count; i++) words[first + i] = (words[first + i] as number) ^ (keystream[source + i] as number);
    done = count * 4;
  }
  for (let i = done; i < length; i++) {
    const word = keystream[(at + i) >>> 2] as number;
    const shift = isLittleEndian ? ((at + i) & 3) * 8 : (3 - ((at + i) & 3)) * 8;
    bytes[from + i] = (bytes[from + i] as number) ^ ((word >>> shift) & 0xff);
  }
}
