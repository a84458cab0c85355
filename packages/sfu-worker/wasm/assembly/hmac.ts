import {
  JOB_BYTES_AT,
  JOB_ROLLOVER_AT,
  JOB_SESSION_AT,
  JOB_START_AT,
  LANE_STATES,
  QUARTET,
  SCHEDULE,
  SESSION_INNER_AT,
  SESSION_KEY,
  SESSION_OUTER_AT,
  SINGLE_BLOCK,
  SINGLE_STATE,
} from './layout';
import { compress, loadBlocks } from './sha1-lanes';
import { compressSingle, resetSingle } from './sha1-single';

/** HMAC-SHA1 (RFC 2104) from kept states: neither key block is hashed again for a packet. */

const BLOCK_BYTES: i32 = 64;
/** Bits of a key block and a digest. */
const OUTER_BITS: i32 = (64 + 20) * 8;

/** Writes a session's inner and outer state for the 20 bytes at SESSION_KEY, which are wiped. */
export function keyStates(session: usize): void {
  const k0 = load<v128>(SESSION_KEY, 0);
  const k1 = v128.load32_zero(SESSION_KEY, 16);
  keyState(session + SESSION_INNER_AT, k0, k1, 0x36);
  keyState(session + SESSION_OUTER_AT, k0, k1, 0x5c);
  memory.fill(SINGLE_BLOCK, 0, BLOCK_BYTES);
}

function keyState(to: usize, k0: v128, k1: v128, pad: u8): void {
  const padding = v128.splat<u8>(pad);
  v128.store(SINGLE_BLOCK, v128.xor(k0, padding), 0);
  v128.store(SINGLE_BLOCK, v128.xor(k1, padding), 16);
  v128.store(SINGLE_BLOCK, padding, 32);
  v128.store(SINGLE_BLOCK, padding, 48);
  resetSingle();
  compressSingle(SINGLE_BLOCK);
  memory.copy(to, SINGLE_STATE, 20);
}

/** Puts behind a job's packet what the MAC covers besides (RFC 3711 §4.2: the rollover counter), and SHA-1's padding. */
function pad(job: usize): i32 {
  const length = load<i32>(job, JOB_BYTES_AT);
  const start = load<usize>(job, JOB_START_AT);
  const end = start + length;
  const zero = v128.splat<i32>(0);
  v128.store(end, zero, 0);
  v128.store(end, zero, 16);
  v128.store(end, zero, 32);
  v128.store(end, zero, 48);
  v128.store(end, zero, 64);
  store<u32>(end, bswap<u32>(load<u32>(job, JOB_ROLLOVER_AT)));
  store<u8>(end, 0x80, 4);
  const blocks = (length + 4 + 1 + 8 + BLOCK_BYTES - 1) / BLOCK_BYTES;
  store<u32>(start + blocks * BLOCK_BYTES - 4, bswap<u32>((BLOCK_BYTES + length + 4) * 8));
  return blocks;
}

/** Signs four jobs, whose addresses are at QUARTET; the tags lie behind their packets. */
export function signFour(): void {
  const a = load<usize>(QUARTET, 0);
  const b = load<usize>(QUARTET, 4);
  const c = load<usize>(QUARTET, 8);
  const d = load<usize>(QUARTET, 12);
  const blocksA = pad(a);
  const blocksB = pad(b);
  const blocksC = pad(c);
  const blocksD = pad(d);
  loadStates(a, b, c, d, SESSION_INNER_AT);
  const all = v128.splat<i32>(-1);
  const shortest = min(min(blocksA, blocksB), min(blocksC, blocksD));
  const longest = max(max(blocksA, blocksB), max(blocksC, blocksD));
  let atA = load<usize>(a, JOB_START_AT);
  let atB = load<usize>(b, JOB_START_AT);
  let atC = load<usize>(c, JOB_START_AT);
  let atD = load<usize>(d, JOB_START_AT);
  for (let i = 0; i < shortest; i++) {
    loadBlocks(atA, atB, atC, atD);
    compress(all);
    atA += BLOCK_BYTES;
    atB += BLOCK_BYTES;
    atC += BLOCK_BYTES;
    atD += BLOCK_BYTES;
  }
  if (longest > shortest) {
    let blocks = v128.splat<i32>(blocksA);
    blocks = v128.replace_lane<i32>(blocks, 1, blocksB);
    blocks = v128.replace_lane<i32>(blocks, 2, blocksC);
    blocks = v128.replace_lane<i32>(blocks, 3, blocksD);
    for (let i = shortest; i < longest; i++) {
      // A message that is over lends any block of its own: its lane is not active.
      if (i >= blocksA) atA = load<usize>(a, JOB_START_AT);
      if (i >= blocksB) atB = load<usize>(b, JOB_START_AT);
      if (i >= blocksC) atC = load<usize>(c, JOB_START_AT);
      if (i >= blocksD) atD = load<usize>(d, JOB_START_AT);
      loadBlocks(atA, atB, atC, atD);
      compress(v128.gt<i32>(blocks, v128.splat<i32>(i)));
      atA += BLOCK_BYTES;
      atB += BLOCK_BYTES;
      atC += BLOCK_BYTES;
      atD += BLOCK_BYTES;
    }
  }
  // The outer hash's only block is the inner digest, whose words are where a schedule wants them.
  for (let i: usize = 0; i < 5 * 16; i += 16) v128.store(SCHEDULE + i, v128.load(LANE_STATES + i));
  v128.store(SCHEDULE, v128.splat<i32>(0x80000000), 5 * 16);
  const zero = v128.splat<i32>(0);
  for (let i: usize = 6 * 16; i < 15 * 16; i += 16) v128.store(SCHEDULE + i, zero);
  v128.store(SCHEDULE, v128.splat<i32>(OUTER_BITS), 15 * 16);
  loadStates(a, b, c, d, SESSION_OUTER_AT);
  compress(all);
  writeTag(a, LANE_STATES, 16);
  writeTag(b, LANE_STATES + 4, 16);
  writeTag(c, LANE_STATES + 8, 16);
  writeTag(d, LANE_STATES + 12, 16);
}

/** Signs one job. */
export function signOne(job: usize): void {
  const blocks = pad(job);
  const session = load<usize>(job, JOB_SESSION_AT);
  const start = load<usize>(job, JOB_START_AT);
  memory.copy(SINGLE_STATE, session + SESSION_INNER_AT, 20);
  for (let i = 0; i < blocks; i++) compressSingle(start + i * BLOCK_BYTES);
  memory.fill(SINGLE_BLOCK, 0, BLOCK_BYTES);
  for (let i: usize = 0; i < 20; i += 4) store<u32>(SINGLE_BLOCK + i, bswap<u32>(load<u32>(SINGLE_STATE + i)));
  store<u8>(SINGLE_BLOCK, 0x80, 20);
  store<u32>(SINGLE_BLOCK, bswap<u32>(OUTER_BITS), 60);
  memory.copy(SINGLE_STATE, session + SESSION_OUTER_AT, 20);
  compressSingle(SINGLE_BLOCK);
  writeTag(job, SINGLE_STATE, 4);
}

function loadStates(a: usize, b: usize, c: usize, d: usize, which: usize): void {
  const sa = load<usize>(a, JOB_SESSION_AT) + which;
  const sb = load<usize>(b, JOB_SESSION_AT) + which;
  const sc = load<usize>(c, JOB_SESSION_AT) + which;
  const sd = load<usize>(d, JOB_SESSION_AT) + which;
  for (let i: usize = 0; i < 20; i += 4) {
    const to: usize = LANE_STATES + 4 * i;
    store<u32>(to, load<u32>(sa + i), 0);
    store<u32>(to, load<u32>(sb + i), 4);
    store<u32>(to, load<u32>(sc + i), 8);
    store<u32>(to, load<u32>(sd + i), 12);
  }
}

/** The first 80 bits of the digest whose words are `stride` bytes apart, behind the job's packet. */
function writeTag(job: usize, digest: usize, stride: usize): void {
  const end = load<usize>(job, JOB_START_AT) + load<usize>(job, JOB_BYTES_AT);
  store<u32>(end, bswap<u32>(load<u32>(digest)), 0);
  store<u32>(end, bswap<u32>(load<u32>(digest + stride)), 4);
  store<u16>(end, bswap<u16>(<u16>(load<u32>(digest + 2 * stride) >> 16)), 8);
}
