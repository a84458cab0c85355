import { FRAMES_PER_SECOND, nowMs } from './packets.ts';

/** Calls `sendFrame` for all cameras at their rate, spread evenly over the frame interval. */
export class CameraClock {
  readonly #cameras: number;
  readonly #sendFrame: (camera: number) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #startMs = nowMs();
  #sent = 0;

  constructor(cameras: number, sendFrame: (camera: number) => void) {
    this.#cameras = cameras;
    this.#sendFrame = sendFrame;
    this.#timer = setInterval(() => this.#tick(), 2);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const due = Math.floor(((nowMs() - this.#startMs) / 1000) * FRAMES_PER_SECOND * this.#cameras);
    while (this.#sent < due) this.#sendFrame(this.#sent++ % this.#cameras);
  }
}
