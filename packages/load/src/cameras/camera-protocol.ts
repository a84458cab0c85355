import type { WhipEntry } from '../traffic/camera.ts';

export type CameraRequest =
  | {
      readonly type: 'publish';
      /** A camera each: `rtsp://` or `rtsps://`, or the address of WHIP. */
      readonly urls: readonly string[];
      readonly bitrateBps: number;
      readonly entry: WhipEntry;
    }
  | { readonly type: 'sample' }
  | { readonly type: 'close' };

/** Since they began. */
export type CameraSample = {
  /** RTP packets written, those of skipped frames included. */
  readonly packets: number;
  /** Of frames that the server did not take in time. */
  readonly skipped: number;
  /** Cameras whose connection the server ended. */
  readonly gone: number;
};

export type CameraResults = { publish: undefined; sample: CameraSample; close: undefined };
