import { SINGLE_SCHEDULE, SINGLE_STATE } from './layout';

/** SHA-1 (FIPS 180-4 §6.1.2) of one message, for the packets that are left when four do not come together. */

/** Word t of the schedule, for t >= 16; `at` is where word t - 16 lies. */
function expand(at: usize): u32 {
  const word = rotl<u32>(load<u32>(at, 52) ^ load<u32>(at, 32) ^ load<u32>(at, 8) ^ load<u32>(at), 1);
  store<u32>(at, word, 64);
  return word;
}

/** Compresses the block at `block` into the single state. */
export function compressSingle(block: usize): void {
  for (let t: usize = 0; t < 64; t += 4) store<u32>(SINGLE_SCHEDULE + t, bswap<u32>(load<u32>(block + t)));
  let a = load<u32>(SINGLE_STATE, 0);
  let b = load<u32>(SINGLE_STATE, 4);
  let c = load<u32>(SINGLE_STATE, 8);
  let d = load<u32>(SINGLE_STATE, 12);
  let e = load<u32>(SINGLE_STATE, 16);
  let at: usize = SINGLE_SCHEDULE;
  // Five rounds a turn, so that the variables come back to where they were; what a round waits for comes last in its sum.
  for (let turn = 0; turn < 3; turn++, at += 20) {
    e += (d ^ (b & (c ^ d))) + 0x5a827999 + load<u32>(at, 0) + rotl<u32>(a, 5);
    b = rotl<u32>(b, 30);
    d += (c ^ (a & (b ^ c))) + 0x5a827999 + load<u32>(at, 4) + rotl<u32>(e, 5);
    a = rotl<u32>(a, 30);
    c += (b ^ (e & (a ^ b))) + 0x5a827999 + load<u32>(at, 8) + rotl<u32>(d, 5);
    e = rotl<u32>(e, 30);
    b += (a ^ (d & (e ^ a))) + 0x5a827999 + load<u32>(at, 12) + rotl<u32>(c, 5);
    d = rotl<u32>(d, 30);
    a += (e ^ (c & (d ^ e))) + 0x5a827999 + load<u32>(at, 16) + rotl<u32>(b, 5);
    c = rotl<u32>(c, 30);
  }
  e += (d ^ (b & (c ^ d))) + 0x5a827999 + load<u32>(at) + rotl<u32>(a, 5);
  b = rotl<u32>(b, 30);
  at = SINGLE_SCHEDULE;
  d += (c ^ (a & (b ^ c))) + 0x5a827999 + expand(at) + rotl<u32>(e, 5);
  a = rotl<u32>(a, 30);
  c += (b ^ (e & (a ^ b))) + 0x5a827999 + expand(at + 4) + rotl<u32>(d, 5);
  e = rotl<u32>(e, 30);
  b += (a ^ (d & (e ^ a))) + 0x5a827999 + expand(at + 8) + rotl<u32>(c, 5);
  d = rotl<u32>(d, 30);
  a += (e ^ (c & (d ^ e))) + 0x5a827999 + expand(at + 12) + rotl<u32>(b, 5);
  c = rotl<u32>(c, 30);
  at += 16;
  for (let turn = 0; turn < 4; turn++, at += 20) {
    e += (b ^ c ^ d) + 0x6ed9eba1 + expand(at) + rotl<u32>(a, 5);
    b = rotl<u32>(b, 30);
    d += (a ^ b ^ c) + 0x6ed9eba1 + expand(at + 4) + rotl<u32>(e, 5);
    a = rotl<u32>(a, 30);
    c += (e ^ a ^ b) + 0x6ed9eba1 + expand(at + 8) + rotl<u32>(d, 5);
    e = rotl<u32>(e, 30);
    b += (d ^ e ^ a) + 0x6ed9eba1 + expand(at + 12) + rotl<u32>(c, 5);
    d = rotl<u32>(d, 30);
    a += (c ^ d ^ e) + 0x6ed9eba1 + expand(at + 16) + rotl<u32>(b, 5);
    c = rotl<u32>(c, 30);
  }
  for (let turn = 0; turn < 4; turn++, at += 20) {
    e += ((b & c) | (d & (b | c))) + 0x8f1bbcdc + expand(at) + rotl<u32>(a, 5);
    b = rotl<u32>(b, 30);
    d += ((a & b) | (c & (a | b))) + 0x8f1bbcdc + expand(at + 4) + rotl<u32>(e, 5);
    a = rotl<u32>(a, 30);
    c += ((e & a) | (b & (e | a))) + 0x8f1bbcdc + expand(at + 8) + rotl<u32>(d, 5);
    e = rotl<u32>(e, 30);
    b += ((d & e) | (a & (d | e))) + 0x8f1bbcdc + expand(at + 12) + rotl<u32>(c, 5);
    d = rotl<u32>(d, 30);
    a += ((c & d) | (e & (c | d))) + 0x8f1bbcdc + expand(at + 16) + rotl<u32>(b, 5);
    c = rotl<u32>(c, 30);
  }
  for (let turn = 0; turn < 4; turn++, at += 20) {
    e += (b ^ c ^ d) + 0xca62c1d6 + expand(at) + rotl<u32>(a, 5);
    b = rotl<u32>(b, 30);
    d += (a ^ b ^ c) + 0xca62c1d6 + expand(at + 4) + rotl<u32>(e, 5);
    a = rotl<u32>(a, 30);
    c += (e ^ a ^ b) + 0xca62c1d6 + expand(at + 8) + rotl<u32>(d, 5);
    e = rotl<u32>(e, 30);
    b += (d ^ e ^ a) + 0xca62c1d6 + expand(at + 12) + rotl<u32>(c, 5);
    d = rotl<u32>(d, 30);
    a += (c ^ d ^ e) + 0xca62c1d6 + expand(at + 16) + rotl<u32>(b, 5);
    c = rotl<u32>(c, 30);
  }
  store<u32>(SINGLE_STATE, load<u32>(SINGLE_STATE, 0) + a, 0);
  store<u32>(SINGLE_STATE, load<u32>(SINGLE_STATE, 4) + b, 4);
  store<u32>(SINGLE_STATE, load<u32>(SINGLE_STATE, 8) + c, 8);
  store<u32>(SINGLE_STATE, load<u32>(SINGLE_STATE, 12) + d, 12);
  store<u32>(SINGLE_STATE, load<u32>(SINGLE_STATE, 16) + e, 16);
}

/** SHA-1's initial state (FIPS 180-4 §5.3.1). */
export function resetSingle(): void {
  store<u32>(SINGLE_STATE, 0x67452301, 0);
  store<u32>(SINGLE_STATE, 0xefcdab89, 4);
  store<u32>(SINGLE_STATE, 0x98badcfe, 8);
  store<u32>(SINGLE_STATE, 0x10325476, 12);
  store<u32>(SINGLE_STATE, 0xc3d2e1f0, 16);
}
