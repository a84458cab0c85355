import { type RtspMessage, RtspMessageReader } from '@shardcast/shared';
import type { ByteConnection } from '../../src/ingress/rtsp/byte-connection.ts';

/** A connection without a socket: what is written to it can be read, and the peer's bytes are put in by hand. */
export class FakeConnection implements ByteConnection {
  readonly remoteAddress: string = '127.0.0.1';
  readonly localAddress: string = '127.0.0.1';
  onBytes: (buffer: Buffer, start: number, end: number) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  isClosed = false;
  /** Frames written, without the messages. */
  readonly frames: Buffer[] = [];
  readonly messages: RtspMessage[] = [];
  /** Called with each message that is written. */
  onMessage: (message: RtspMessage) => void = () => undefined;
  readonly #reader = new RtspMessageReader();

  write(bytes: Buffer): void {
    if (this.isClosed) return;
    if (bytes[0] === 0x24) {
      this.frames.push(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      at = this.#reader.read(bytes, at, bytes.length);
      if (this.#reader.fault !== undefined) throw new Error(`not RTSP was written: ${this.#reader.fault}`);
      const message = this.#reader.take();
      if (message === undefined) continue;
      this.messages.push(message);
      this.onMessage(message);
    }
  }
  close(): void {
    this.isClosed = true;
  }
  /** Bytes from the peer, in a buffer that is overwritten afterwards. */
  arrive(...parts: readonly (Buffer | string)[]): void {
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
    if (!this.isClosed) this.onBytes(bytes, 0, bytes.length);
    bytes.fill(0xee);
  }
  /** The peer is gone. */
  lose(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClose(reason);
  }
}

/** One interleaved RTP packet; `sequence` is all that matters in it. */
export function rtpFrame(channel: number, sequence: number, payloadType = 96): Buffer {
  const frame = Buffer.alloc(4 + 20);
  frame[0] = 0x24;
  frame[1] = channel;
  frame.writeUInt16BE(20, 2);
  frame[4] = 0x80;
  frame[5] = payloadType;
  frame.writeUInt16BE(sequence, 6);
  return frame;
}

/** Timers that run when told to. */
export class FakeSchedule {
  nowMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];
  readonly schedule = (ms: number, run: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };
  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length;
  }
  /** When the next one is due, from now; undefined without one. */
  get nextInMs(): number | undefined {
    const due = Math.min(...this.#timers.map(({ atMs }) => atMs));
    return Number.isFinite(due) ? due - this.nowMs : undefined;
  }
  advance(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > until) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = until;
  }
}
