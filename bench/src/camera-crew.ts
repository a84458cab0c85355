import { Camera, CameraClock, FRAMES_PER_SECOND, type FrameSource } from '@shardcast/load';
import type { PullCameras } from './pull-camera.ts';
import type { ServerUnderTest } from './server-under-test.ts';

/** How cameras reach a server. */
export type Intake = 'tcp' | 'pull' | 'udp' | 'whip';

/** Cameras with one clock, `cam0` onwards. */
export class CameraCrew {
  readonly #server: ServerUnderTest;
  readonly #intake: Intake;
  readonly #pulled: PullCameras | undefined;
  readonly #first: number;
  readonly #cameras: { readonly frames: FrameSource; close(): void }[] = [];
  #clock: CameraClock | undefined;

  /**
   * @param pulled with intake `pull`: what the server was told to dial
   * @param first the number of the first camera
   */
  constructor(server: ServerUnderTest, intake: Intake, pulled?: PullCameras, first = 0) {
    this.#server = server;
    this.#intake = intake;
    this.#pulled = pulled;
    this.#first = first;
  }

  get count(): number {
    return this.#cameras.length;
  }

  /** RTP packets so far, of all cameras. */
  get rtpPackets(): number {
    return this.#cameras.reduce((sum, { frames }) => sum + frames.rtpPackets, 0);
  }

  /** Of frames that the server did not take in time. */
  get skippedPackets(): number {
    return this.#cameras.reduce((sum, { frames }) => sum + frames.skippedPackets, 0);
  }

  /** Adds cameras; they send from here on. */
  async add(count: number, framesPerSecond = FRAMES_PER_SECOND): Promise<void> {
    this.pause();
    const end = this.#cameras.length + count;
    while (this.#cameras.length < end) {
      const ordinal = this.#first + this.#cameras.length;
      this.#cameras.push(await this.#connect(`cam${ordinal}`, ordinal));
    }
    this.#clock = new CameraClock(this.#cameras.length, framesPerSecond, (camera) =>
      this.#cameras[camera]?.frames.send(),
    );
  }

  sendOnlyKeyframes(): void {
    for (const { frames } of this.#cameras) frames.sendOnlyKeyframes();
  }

  /** The cameras stay connected and silent. */
  pause(): void {
    this.#clock?.stop();
  }

  close(): void {
    this.pause();
    for (const camera of this.#cameras) camera.close();
    this.#pulled?.close();
  }

  async #connect(path: string, ordinal: number): Promise<{ readonly frames: FrameSource; close(): void }> {
    const { plainPort } = this.#server;
    if (plainPort !== undefined) return Camera.plain(plainPort(ordinal), ordinal);
    if (this.#intake === 'whip') return Camera.whip(`${this.#server.web}/${path}/whip`, { ordinal });
    if (this.#intake !== 'pull') return Camera.publish(`${this.#server.rtsp}/${path}`, { ordinal }, this.#intake);
    for (;;) {
      const frames = this.#pulled?.frames(path);
      if (frames !== undefined) return { frames, close: () => {} };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
