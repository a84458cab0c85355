import { nowMs } from './packets.ts';

/** Calls `sendFrame` for all cameras at their rate, spread evenly over the frame interval. */
export class CameraClock {
  readonly #cameras: number;
  readonly #framesPerSecond: number;
  readonly #sendFrame: (camera: number) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #startMs = nowMs();
  #sent = 0;

  constructor(cameras: number, framesPerSecond: number, sendFrame: (camera: number) => void) {
    this.#cameras = cameras;
    this.#framesPerSecond = framesPerSecond;
    this.#sendFrame = sendFrame;
    this.#timer = setInterval(() => this.#tick(), 2);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const due = Math.floor(((nowMs() - this.#startMs) / 1000) * this.#framesPerSecond * this.#cameras);
    while (this.#sent < due) this.#sendFrame(this.#sent++ % this.#cameras);
  }
}
