/**
 * Where everything lies in the module's one memory. JavaScript takes these numbers from the module's exports: they are said
 * here and nowhere else. What ends in `_AT` is a column's offset in its row.
 */

/** Legs that are served in one call: SIMD has as many lanes of 32 bits. */
export const MAX_LEGS: i32 = 4;
/** Packets of a batch that are served in one call. */
export const MAX_PACKETS: i32 = 16;
/** A packet with its RTP header, before its tag is added. */
export const MAX_PACKET_BYTES: i32 = 1484;
export const HEADER_BYTES: i32 = 12;
/** RFC 3711 §5.2: 80 bits. */
export const TAG_BYTES: i32 = 10;

/** From slot to slot in the pool: headroom, the packet, SHA-1's padding. */
export const SLOT_STRIDE: i32 = 1648;
/** Before each packet. Not used here: it is for other ways to protect one. */
export const SLOT_HEADROOM: i32 = 64;

/** Address 0 and some more stay free, for the compiler's own data. */
const SCRATCH: usize = 4096;
/** Message schedule of four SHA-1 blocks side by side. */
export const SCHEDULE: usize = SCRATCH;
/** Five vectors. */
export const LANE_STATES: usize = SCHEDULE + 80 * 16;
/** Schedule of a single block, its state, and a block to be compressed. */
export const SINGLE_SCHEDULE: usize = LANE_STATES + 5 * 16;
export const SINGLE_STATE: usize = SINGLE_SCHEDULE + 80 * 4;
export const SINGLE_BLOCK: usize = SINGLE_STATE + 32;
/** Jobs that wait for the others of their four. */
export const QUARTET: usize = SINGLE_BLOCK + 64;

/** What a batch's packets are, a row each. */
export const PACKETS: usize = QUARTET + 16;
export const PACKET_STRIDE: i32 = 32;
export const PACKET_INDEX_AT: i32 = 0; // f64
export const PACKET_TIMESTAMP_AT: i32 = 8; // f64
export const PACKET_BYTES_AT: i32 = 16; // i32, payload
export const PACKET_MARKER_AT: i32 = 20; // i32, 0 or 0x80

/** Legs of this call, a row each. */
export const LEGS: usize = PACKETS + MAX_PACKETS * PACKET_STRIDE;
export const LEG_STRIDE: i32 = 64;
export const LEG_INDEX_DELTA_AT: i32 = 0; // f64
export const LEG_FIRST_INDEX_AT: i32 = 8; // f64
export const LEG_TIMESTAMP_OFFSET_AT: i32 = 16; // f64
export const LEG_SSRC_AT: i32 = 24; // u32
export const LEG_PAYLOAD_TYPE_AT: i32 = 28; // i32
export const LEG_SESSION_AT: i32 = 32; // i32, the session's number
/** Written by `build`: packets, payload bytes, counter blocks, packets that found no slot, the last packet's timestamp. */
export const LEG_JOBS_AT: i32 = 36; // i32
export const LEG_OCTETS_AT: i32 = 40; // i32
export const LEG_BLOCKS_AT: i32 = 44; // i32
export const LEG_DROPPED_AT: i32 = 48; // i32
export const LEG_LAST_TIMESTAMP_AT: i32 = 52; // u32

/** Packets on their way out, a row each, leg by leg. */
export const JOBS: usize = LEGS + MAX_LEGS * LEG_STRIDE;
export const JOB_STRIDE: i32 = 32;
export const JOB_START_AT: i32 = 0; // i32, address of the packet
export const JOB_BYTES_AT: i32 = 4; // i32, with the tag after `seal`
export const JOB_SOURCE_AT: i32 = 8; // i32, address of the payload
export const JOB_KEYSTREAM_AT: i32 = 12; // i32, address
export const JOB_SESSION_AT: i32 = 16; // i32, address
export const JOB_ROLLOVER_AT: i32 = 20; // u32

/** The batch's payloads, one a stride. */
export const SOURCES: usize = JOBS + MAX_LEGS * MAX_PACKETS * JOB_STRIDE;
export const SOURCE_STRIDE: i32 = 1488;
/** A leg's counter blocks, which its keystream replaces. */
export const KEYSTREAM: usize = SOURCES + MAX_PACKETS * SOURCE_STRIDE;
export const KEYSTREAM_STRIDE: i32 = MAX_PACKETS * SOURCE_STRIDE;

/** Keys of a session's RTP, a row each. */
export const SESSIONS: usize = KEYSTREAM + MAX_LEGS * KEYSTREAM_STRIDE;
export const SESSION_STRIDE: i32 = 64;
export const MAX_SESSIONS: i32 = 16384;
/** SHA-1's state after the inner and after the outer key block. */
export const SESSION_INNER_AT: i32 = 0;
export const SESSION_OUTER_AT: i32 = 20;
/** The salt in a block's first 14 bytes, 2 zeros. */
export const SESSION_SALT_AT: i32 = 40;
/** Where `openSession` finds the authentication key: 20 bytes. */
export const SESSION_KEY: usize = SINGLE_BLOCK;

/** The slots, to the memory's end. */
export const POOL: usize = SESSIONS + MAX_SESSIONS * SESSION_STRIDE;
