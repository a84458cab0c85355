import { type RtspFault, type RtspMessage, RtspMessageReader } from '@shardcast/shared';
import { byteAt, uint16At } from '../../rtp/bytes.ts';

const DOLLAR = 0x24;
/** `$`, channel, 16-bit length (RFC 2326 §10.12). */
export const INTERLEAVED_HEADER_BYTES = 4;
/** Enough to tell a frame or a message from garbage: the frame's header and the first byte of its packet. */
const PROBE_BYTES = 5;
/** RTCP's smallest packet; RTP's is larger. */
const MIN_PACKET_BYTES = 8;
const MIN_CARRY_BYTES = 2048;
/** What may be skipped in search of the next frame or message before the connection is given up. */
export const MAX_GARBAGE_BYTES = 128 * 1024;
const MESSAGE_STARTS = new Set(['RTSP/', 'OPTIO', 'ANNOU', 'TEARD', 'GET_P', 'SET_P', 'PAUSE', 'RECOR', 'SETUP']);
const NOTHING = Buffer.alloc(0);

export interface InterleavedHandler {
  /** A frame of a channel that is in use: buffer[start, end), unchanged until the `flush` that follows. */
  frame(channel: number, buffer: Buffer, start: number, end: number): void;
  message(message: RtspMessage): void;
  /** No more frames from these bytes: everything borrowed is given back after this call. */
  flush(): void;
}

/** `garbage`: no message and no frame was found in MAX_GARBAGE_BYTES. */
export type InterleavedFault = RtspFault | 'garbage';

/**
 * Takes apart what comes over an RTSP connection: messages, and RTP and RTCP in frames between them. Frames are handed on
 * as views of the bytes they came in; only a frame that a read cut in two is put together in a buffer of the parser's own.
 * Allocates nothing a frame.
 */
export class InterleavedParser {
  readonly counters = { frames: 0, unknownChannel: 0, garbageBytes: 0, resyncs: 0 };
  readonly #handler: InterleavedHandler;
  readonly #reader = new RtspMessageReader();
  readonly #channels = new Uint8Array(256);
  #hasChannels = false;
  /** The beginning of a frame whose rest has not come yet, its header included; or of a probe while out of step. */
  #carry = NOTHING;
  #carryLength = 0;
  #inMessage = false;
  #lost = false;
  #garbage = 0;
  #stopped = false;

  constructor(handler: InterleavedHandler) {
    this.#handler = handler;
  }

  /** Frames of other channels are dropped and counted. */
  use(channel: number): void {
    this.#channels[channel & 0xff] = 1;
    this.#hasChannels = true;
  }

  /** Nothing is handed on any more: for a handler that closes in the middle of a read. */
  stop(): void {
    this.#stopped = true;
  }

  /** Bytes that a partial frame occupies: for tests of its bound. */
  get carryCapacity(): number {
    return this.#carry.length;
  }

  /**
   * Reads buffer[start, end), which the caller may overwrite afterwards. Calls `flush` at its end.
   * @returns why the connection must be closed, if it must
   */
  feed(buffer: Buffer, start: number, end: number): InterleavedFault | undefined {
    let at = start;
    let fault: InterleavedFault | undefined;
    while (at < end && !this.#stopped && fault === undefined) {
      if (this.#lost) {
        at = this.#search(buffer, at, end);
        if (this.#garbage > MAX_GARBAGE_BYTES) fault = 'garbage';
      } else if (this.#inMessage) {
        at = this.#reader.read(buffer, at, end);
        fault = this.#endMessage();
      } else if (this.#carryLength > 0) {
        at = this.#complete(buffer, at, end);
      } else if (byteAt(buffer, at) === DOLLAR) {
        const frameEnd = end - at < INTERLEAVED_HEADER_BYTES ? end + 1 : frameEndAt(buffer, at);
        if (frameEnd > end) break; // a partial frame is kept below, once the carry buffer is no longer borrowed
        this.#frame(buffer, at, frameEnd);
        at = frameEnd;
      } else if (isMessageByte(byteAt(buffer, at))) {
        this.#inMessage = true;
      } else if (isLineEnd(byteAt(buffer, at))) {
        // Stray empty lines between messages: RFC 2326 §4.1 asks to ignore them.
        at++;
        if (++this.#garbage > MAX_GARBAGE_BYTES) fault = 'garbage';
      } else if (this.#hasChannels) {
        this.#lose();
      } else {
        fault = 'bad-start-line';
      }
    }
    this.#handler.flush();
    if (at < end && fault === undefined && !this.#stopped) this.#take(buffer, at, end);
    return fault;
  }

  #frame(buffer: Buffer, at: number, end: number): void {
    const channel = byteAt(buffer, at + 1);
    this.#garbage = 0;
    if (this.#channels[channel] !== 1) {
      this.counters.unknownChannel++;
      return;
    }
    this.counters.frames++;
    this.#handler.frame(channel, buffer, at + INTERLEAVED_HEADER_BYTES, end);
  }

  #endMessage(): InterleavedFault | undefined {
    const { fault } = this.#reader;
    if (fault !== undefined) {
      this.#reader.reset();
      this.#inMessage = false;
      // Between frames, text that is no message is more likely a camera that lost count of its bytes.
      if (!this.#hasChannels) return fault;
      this.#lose();
      return undefined;
    }
    const message = this.#reader.take();
    if (message === undefined) return undefined;
    this.#inMessage = false;
    this.#garbage = 0;
    this.#handler.message(message);
    return undefined;
  }

  /** Adds to the partial frame; it is the first of its read, so the carry buffer is not borrowed while it changes. */
  #complete(buffer: Buffer, at: number, end: number): number {
    let next = at;
    if (this.#carryLength < INTERLEAVED_HEADER_BYTES) {
      next = this.#take(buffer, at, Math.min(end, at + INTERLEAVED_HEADER_BYTES - this.#carryLength));
      if (this.#carryLength < INTERLEAVED_HEADER_BYTES) return next;
    }
    const frameBytes = frameEndAt(this.#carry, 0);
    next = this.#take(buffer, next, Math.min(end, next + frameBytes - this.#carryLength));
    if (this.#carryLength < frameBytes) return next;
    this.#carryLength = 0;
    this.#frame(this.#carry, 0, frameBytes);
    return next;
  }

  #take(buffer: Buffer, start: number, end: number): number {
    const needed = this.#carryLength + end - start;
    if (needed > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(MIN_CARRY_BYTES, powerOfTwo(needed)));
      this.#carry.copy(grown, 0, 0, this.#carryLength);
      this.#carry = grown;
    }
    buffer.copy(this.#carry, this.#carryLength, start, end);
    this.#carryLength = needed;
    return end;
  }

  #lose(): void {
    // The search uses the carry buffer, which a frame of this very read may still occupy.
    this.#handler.flush();
    this.#lost = true;
    this.#carryLength = 0;
    this.counters.resyncs++;
  }

  /** Out of step: byte by byte, until five of them look like a frame of ours or the start of a message. */
  #search(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      this.#take(buffer, at, at + 1);
      at++;
      if (this.#carryLength < PROBE_BYTES) continue;
      if (this.#looksLikeFrame()) {
        this.#lost = false;
        return at;
      }
      if (MESSAGE_STARTS.has(this.#carry.toString('latin1', 0, PROBE_BYTES))) {
        this.#lost = false;
        this.#inMessage = true;
        this.#carryLength = 0;
        this.#reader.read(this.#carry, 0, PROBE_BYTES);
        return at;
      }
      this.#carry.copyWithin(0, 1, PROBE_BYTES);
      this.#carryLength = PROBE_BYTES - 1;
      this.#garbage++;
      this.counters.garbageBytes++;
      if (this.#garbage > MAX_GARBAGE_BYTES) return at;
    }
    return at;
  }

  #looksLikeFrame(): boolean {
    const carry = this.#carry;
    return (
      byteAt(carry, 0) === DOLLAR &&
      this.#channels[byteAt(carry, 1)] === 1 &&
      uint16At(carry, 2) >= MIN_PACKET_BYTES &&
      byteAt(carry, 4) >> 6 === 2 // RTP's and RTCP's version
    );
  }
}

function frameEndAt(buffer: Buffer, at: number): number {
  return at + INTERLEAVED_HEADER_BYTES + uint16At(buffer, at + 2);
}

/** Messages begin with a method or `RTSP/`. */
function isMessageByte(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function isLineEnd(byte: number): boolean {
  return byte === 0x0d || byte === 0x0a;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
