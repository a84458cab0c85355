import { Thread } from '../thread-calls.ts';
import type { CameraRequest, CameraResults, CameraSample } from './camera-protocol.ts';

export type PublishOptions = Omit<CameraRequest & { readonly type: 'publish' }, 'type'>;

/** Synthetic cameras in a thread of their own, so that viewers' work does not make their frames late. */
export class Cameras {
  readonly #thread = new Thread<CameraRequest, CameraResults>('./camera-thread', import.meta.url);

  /** They send from here on. @throws RefusedError when one of them does not get in; then none does */
  async publish(options: PublishOptions): Promise<void> {
    await this.#thread.ask({ type: 'publish', ...options });
  }

  sample(): Promise<CameraSample> {
    return this.#thread.ask({ type: 'sample' });
  }

  async close(): Promise<void> {
    await this.#thread.ask({ type: 'close' });
    await this.#thread.close();
  }
}
