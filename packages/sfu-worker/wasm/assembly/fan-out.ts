import { keyStates, signFour, signOne } from './hmac';
import {
  HEADER_BYTES,
  JOB_BYTES_AT,
  JOB_KEYSTREAM_AT,
  JOB_ROLLOVER_AT,
  JOB_SESSION_AT,
  JOB_SOURCE_AT,
  JOB_START_AT,
  JOB_STRIDE,
  JOBS,
  KEYSTREAM,
  KEYSTREAM_STRIDE,
  LEG_BLOCKS_AT,
  LEG_DROPPED_AT,
  LEG_FIRST_INDEX_AT,
  LEG_INDEX_DELTA_AT,
  LEG_JOBS_AT,
  LEG_LAST_TIMESTAMP_AT,
  LEG_OCTETS_AT,
  LEG_PAYLOAD_TYPE_AT,
  LEG_SESSION_AT,
  LEG_SSRC_AT,
  LEG_STRIDE,
  LEG_TIMESTAMP_OFFSET_AT,
  LEGS,
  PACKET_BYTES_AT,
  PACKET_INDEX_AT,
  PACKET_MARKER_AT,
  PACKET_STRIDE,
  PACKET_TIMESTAMP_AT,
  PACKETS,
  POOL,
  QUARTET,
  SESSION_SALT_AT,
  SESSION_STRIDE,
  SESSIONS,
  SLOT_HEADROOM,
  SLOT_STRIDE,
  SOURCE_STRIDE,
  SOURCES,
  TAG_BYTES,
} from './layout';

const BLOCK_BYTES: i32 = 16;

/** Takes the authentication key at SESSION_KEY. The salt is the caller's to write. */
export function openSession(session: i32): void {
  keyStates(SESSIONS + session * SESSION_STRIDE);
}

/** Wipes the session's keys. */
export function closeSession(session: i32): void {
  memory.fill(SESSIONS + session * SESSION_STRIDE, 0, SESSION_STRIDE);
}

/**
 * Gives every packet that a leg may see a job, a slot from `slot` on, an RTP header, and counter blocks to be encrypted.
 * @param room free slots; packets that find none are counted and left out
 * @returns how many jobs there are
 */
export function build(legs: i32, packets: i32, slot: i32, room: i32): i32 {
  let jobs = 0;
  for (let l = 0; l < legs; l++) {
    const leg: usize = LEGS + l * LEG_STRIDE;
    const keystream: usize = KEYSTREAM + l * KEYSTREAM_STRIDE;
    const delta = load<f64>(leg, LEG_INDEX_DELTA_AT);
    const firstIndex = load<f64>(leg, LEG_FIRST_INDEX_AT);
    const offset = load<f64>(leg, LEG_TIMESTAMP_OFFSET_AT);
    const ssrc = load<u32>(leg, LEG_SSRC_AT);
    const payloadType = load<u32>(leg, LEG_PAYLOAD_TYPE_AT);
    const session: usize = SESSIONS + load<i32>(leg, LEG_SESSION_AT) * SESSION_STRIDE;
    const salt = v128.load(session, SESSION_SALT_AT);
    let count = 0;
    let octets = 0;
    let blocks = 0;
    let dropped = 0;
    for (let p = 0; p < packets; p++) {
      const packet: usize = PACKETS + p * PACKET_STRIDE;
      const trackIndex = load<f64>(packet, PACKET_INDEX_AT);
      if (trackIndex < firstIndex) continue;
      if (jobs === room) {
        dropped++;
        continue;
      }
      const payloadBytes = load<i32>(packet, PACKET_BYTES_AT);
      const index = <u64>(trackIndex + delta);
      const timestamp = <u32>(<u64>(load<f64>(packet, PACKET_TIMESTAMP_AT) + offset));
      const rollover = <u32>(index >> 16);
      const start: usize = POOL + (slot + jobs) * SLOT_STRIDE + SLOT_HEADROOM;
      // RFC 3550 §5.1: version 2, nothing optional.
      store<u8>(start, 0x80, 0);
      store<u8>(start, <u8>(load<u32>(packet, PACKET_MARKER_AT) | payloadType), 1);
      store<u16>(start, bswap<u16>(<u16>index), 2);
      store<u32>(start, bswap<u32>(timestamp), 4);
      store<u32>(start, bswap<u32>(ssrc), 8);

      const job: usize = JOBS + jobs * JOB_STRIDE;
      const at: usize = keystream + blocks * BLOCK_BYTES;
      store<usize>(job, start, JOB_START_AT);
      store<i32>(job, HEADER_BYTES + payloadBytes, JOB_BYTES_AT);
      store<usize>(job, SOURCES + p * SOURCE_STRIDE, JOB_SOURCE_AT);
      store<usize>(job, at, JOB_KEYSTREAM_AT);
      store<usize>(job, session, JOB_SESSION_AT);
      store<u32>(job, rollover, JOB_ROLLOVER_AT);

      blocks += writeCounters(at, payloadBytes, salt, ssrc, rollover, <u16>index);
      store<u32>(leg, timestamp, LEG_LAST_TIMESTAMP_AT);
      octets += payloadBytes;
      count++;
      jobs++;
    }
    store<i32>(leg, count, LEG_JOBS_AT);
    store<i32>(leg, octets, LEG_OCTETS_AT);
    store<i32>(leg, blocks, LEG_BLOCKS_AT);
    store<i32>(leg, dropped, LEG_DROPPED_AT);
  }
  return jobs;
}

/** RFC 3711 §4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16), plus the block's number. @returns blocks written */
function writeCounters(at: usize, bytes: i32, salt: v128, ssrc: u32, rollover: u32, sequence: u16): i32 {
  let own = v128.splat<i32>(0);
  own = v128.replace_lane<u32>(own, 1, bswap<u32>(ssrc));
  own = v128.replace_lane<u32>(own, 2, bswap<u32>(rollover));
  own = v128.replace_lane<u32>(own, 3, <u32>bswap<u16>(sequence));
  const first = v128.xor(salt, own);
  const blocks = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
  for (let i = 0; i < blocks; i++) {
    v128.store(at + i * BLOCK_BYTES, v128.replace_lane<u8>(first, 15, <u8>i)); // a packet has fewer than 256
  }
  return blocks;
}

/** Encrypts and signs the jobs of the last `build`, whose counter blocks have become keystream. */
export function seal(legs: i32, jobs: i32): void {
  for (let i = 0; i < jobs; i++) encrypt(JOBS + i * JOB_STRIDE);
  // The same packet of all legs, then the next one: messages of one length come together.
  let waiting = 0;
  let done = 0;
  for (let i = 0; done < jobs; i++) {
    let first = 0;
    for (let l = 0; l < legs; l++) {
      const count = load<i32>(LEGS + l * LEG_STRIDE, LEG_JOBS_AT);
      if (i < count) {
        store<usize>(QUARTET + waiting * 4, JOBS + (first + i) * JOB_STRIDE);
        done++;
        if (++waiting === 4) {
          signFour();
          waiting = 0;
        }
      }
      first += count;
    }
  }
  if (waiting === 1) {
    signOne(load<usize>(QUARTET));
  } else if (waiting > 1) {
    // Two side by side already take less time than one after the other; lanes without a packet do the last one's work again.
    for (let i = waiting; i < 4; i++) store<usize>(QUARTET + i * 4, load<usize>(QUARTET + (waiting - 1) * 4));
    signFour();
  }
  for (let i = 0; i < jobs; i++) {
    const job: usize = JOBS + i * JOB_STRIDE;
    store<i32>(job, load<i32>(job, JOB_BYTES_AT) + TAG_BYTES, JOB_BYTES_AT);
  }
}

/** Payload XOR keystream, in whole vectors: what is written past the end becomes padding and tag. */
function encrypt(job: usize): void {
  const bytes = load<i32>(job, JOB_BYTES_AT) - HEADER_BYTES;
  const to = load<usize>(job, JOB_START_AT) + HEADER_BYTES;
  const from = load<usize>(job, JOB_SOURCE_AT);
  const keystream = load<usize>(job, JOB_KEYSTREAM_AT);
  for (let i = 0; i < bytes; i += 16) v128.store(to + i, v128.xor(v128.load(from + i), v128.load(keystream + i)));
}
