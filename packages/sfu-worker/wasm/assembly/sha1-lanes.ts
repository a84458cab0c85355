import { LANE_STATES, SCHEDULE } from './layout';

/**
 * SHA-1 (FIPS 180-4 §6.1.2) of four messages at once: lane n of every vector belongs to message n. No branch and no address
 * depends on the messages' bytes, so time tells nothing about them.
 */

/** Fills the schedule's first 16 words with a block of each message. */
export function loadBlocks(a: usize, b: usize, c: usize, d: usize): void {
  let to: usize = SCHEDULE;
  for (let i: usize = 0; i < 64; i += 16, to += 64) {
    const wa = bigEndian(v128.load(a + i));
    const wb = bigEndian(v128.load(b + i));
    const wc = bigEndian(v128.load(c + i));
    const wd = bigEndian(v128.load(d + i));
    const abLow = v128.shuffle<i32>(wa, wb, 0, 4, 1, 5);
    const abHigh = v128.shuffle<i32>(wa, wb, 2, 6, 3, 7);
    const cdLow = v128.shuffle<i32>(wc, wd, 0, 4, 1, 5);
    const cdHigh = v128.shuffle<i32>(wc, wd, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(abLow, cdLow, 0, 2), 0);
    v128.store(to, v128.shuffle<i64>(abLow, cdLow, 1, 3), 16);
    v128.store(to, v128.shuffle<i64>(abHigh, cdHigh, 0, 2), 32);
    v128.store(to, v128.shuffle<i64>(abHigh, cdHigh, 1, 3), 48);
  }
}

function bigEndian(words: v128): v128 {
  return v128.shuffle<i8>(words, words, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

function rotate(x: v128, by: i32): v128 {
  return v128.or(v128.shl<i32>(x, by), v128.shr<u32>(x, 32 - by));
}

/** Word t of the schedule, for t >= 16; `at` is where word t - 16 lies. */
function expand(at: usize): v128 {
  const x = v128.xor(v128.xor(v128.load(at, 208), v128.load(at, 128)), v128.xor(v128.load(at, 32), v128.load(at)));
  const word = rotate(x, 1);
  v128.store(at, word, 256);
  return word;
}

function choose(b: v128, c: v128, d: v128): v128 {
  return v128.bitselect(c, d, b);
}
function parity(b: v128, c: v128, d: v128): v128 {
  return v128.xor(v128.xor(b, c), d);
}
function majority(b: v128, c: v128, d: v128): v128 {
  return v128.bitselect(d, b, v128.xor(b, c));
}
/** The next `a` of a round; `e` is used up. */
function step(a: v128, f: v128, e: v128, k: v128, word: v128): v128 {
  return v128.add<i32>(rotate(a, 5), v128.add<i32>(f, v128.add<i32>(e, v128.add<i32>(k, word))));
}

/** Compresses the blocks in the schedule into the state. Lanes whose bit in `active` is clear keep theirs. */
export function compress(active: v128): void {
  const a0 = v128.load(LANE_STATES, 0);
  const b0 = v128.load(LANE_STATES, 16);
  const c0 = v128.load(LANE_STATES, 32);
  const d0 = v128.load(LANE_STATES, 48);
  const e0 = v128.load(LANE_STATES, 64);
  let a = a0;
  let b = b0;
  let c = c0;
  let d = d0;
  let e = e0;
  let k = v128.splat<i32>(0x5a827999);
  let at: usize = SCHEDULE;
  // Five rounds a turn, so that the variables come back to where they were.
  for (let turn = 0; turn < 3; turn++, at += 80) {
    e = step(a, choose(b, c, d), e, k, v128.load(at, 0));
    b = rotate(b, 30);
    d = step(e, choose(a, b, c), d, k, v128.load(at, 16));
    a = rotate(a, 30);
    c = step(d, choose(e, a, b), c, k, v128.load(at, 32));
    e = rotate(e, 30);
    b = step(c, choose(d, e, a), b, k, v128.load(at, 48));
    d = rotate(d, 30);
    a = step(b, choose(c, d, e), a, k, v128.load(at, 64));
    c = rotate(c, 30);
  }
  e = step(a, choose(b, c, d), e, k, v128.load(at, 0));
  b = rotate(b, 30);
  at = SCHEDULE;
  d = step(e, choose(a, b, c), d, k, expand(at));
  a = rotate(a, 30);
  c = step(d, choose(e, a, b), c, k, expand(at + 16));
  e = rotate(e, 30);
  b = step(c, choose(d, e, a), b, k, expand(at + 32));
  d = rotate(d, 30);
  a = step(b, choose(c, d, e), a, k, expand(at + 48));
  c = rotate(c, 30);
  at += 64;
  k = v128.splat<i32>(0x6ed9eba1);
  for (let turn = 0; turn < 4; turn++, at += 80) {
    e = step(a, parity(b, c, d), e, k, expand(at));
    b = rotate(b, 30);
    d = step(e, parity(a, b, c), d, k, expand(at + 16));
    a = rotate(a, 30);
    c = step(d, parity(e, a, b), c, k, expand(at + 32));
    e = rotate(e, 30);
    b = step(c, parity(d, e, a), b, k, expand(at + 48));
    d = rotate(d, 30);
    a = step(b, parity(c, d, e), a, k, expand(at + 64));
    c = rotate(c, 30);
  }
  k = v128.splat<i32>(0x8f1bbcdc);
  for (let turn = 0; turn < 4; turn++, at += 80) {
    e = step(a, majority(b, c, d), e, k, expand(at));
    b = rotate(b, 30);
    d = step(e, majority(a, b, c), d, k, expand(at + 16));
    a = rotate(a, 30);
    c = step(d, majority(e, a, b), c, k, expand(at + 32));
    e = rotate(e, 30);
    b = step(c, majority(d, e, a), b, k, expand(at + 48));
    d = rotate(d, 30);
    a = step(b, majority(c, d, e), a, k, expand(at + 64));
    c = rotate(c, 30);
  }
  k = v128.splat<i32>(0xca62c1d6);
  for (let turn = 0; turn < 4; turn++, at += 80) {
    e = step(a, parity(b, c, d), e, k, expand(at));
    b = rotate(b, 30);
    d = step(e, parity(a, b, c), d, k, expand(at + 16));
    a = rotate(a, 30);
    c = step(d, parity(e, a, b), c, k, expand(at + 32));
    e = rotate(e, 30);
    b = step(c, parity(d, e, a), b, k, expand(at + 48));
    d = rotate(d, 30);
    a = step(b, parity(c, d, e), a, k, expand(at + 64));
    c = rotate(c, 30);
  }
  v128.store(LANE_STATES, v128.add<i32>(a0, v128.and(a, active)), 0);
  v128.store(LANE_STATES, v128.add<i32>(b0, v128.and(b, active)), 16);
  v128.store(LANE_STATES, v128.add<i32>(c0, v128.and(c, active)), 32);
  v128.store(LANE_STATES, v128.add<i32>(d0, v128.and(d, active)), 48);
  v128.store(LANE_STATES, v128.add<i32>(e0, v128.and(e, active)), 64);
}
