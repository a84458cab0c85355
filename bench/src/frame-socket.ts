import type { Socket } from 'node:net';
import { FrameWriter, nowMs, PACKET_BYTES } from './packets.ts';

/** Room for a frame: five packets and the parameter sets. */
const FRAME_BYTES = 8 * (PACKET_BYTES + 4);
/** A server that leaves this much unread is behind by seconds: a live camera skips frames then. */
const MAX_UNSENT_BYTES = 1_000_000;

/** A camera's frames over its RTSP connection, one write a frame, into a buffer that is used again. */
export class FrameSocket {
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  #out = Buffer.allocUnsafeSlow(FRAME_BYTES);

  constructor(socket: Socket, ordinal: number) {
    this.#socket = socket;
    // The phase differs, so that not all cameras send their keyframes at once.
    this.#writer = new FrameWriter(0x1000 + ordinal, ordinal * 7);
  }

  /** Marked packets written so far, those of skipped frames included: a viewer misses them. */
  get packets(): number {
    return this.#writer.packets;
  }

  send(): void {
    const bytes = this.#writer.write(this.#out, nowMs());
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) return;
    this.#socket.write(this.#out.subarray(0, bytes));
    // Mostly the kernel took the frame at once. Where it did not, the socket keeps the buffer until it does.
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafeSlow(FRAME_BYTES);
  }
}
