import { parentPort } from 'node:worker_threads';
import { serve } from '../thread-calls.ts';
import { Camera } from '../traffic/camera.ts';
import { CameraClock } from '../traffic/camera-clock.ts';
import { FRAMES_PER_SECOND, packetsOfFrames } from '../traffic/packets.ts';
import type { CameraRequest, CameraResults, CameraSample } from './camera-protocol.ts';

const AT_ONCE = 8;

const cameras: Camera[] = [];
let clock: CameraClock | undefined;
let gone = 0;

async function publish(request: CameraRequest & { readonly type: 'publish' }): Promise<undefined> {
  const { urls, bitrateBps, entry } = request;
  const packetsOfFrame = packetsOfFrames(bitrateBps);
  const onLost = () => {
    gone++;
  };
  let next = 0;
  const publishOnes = async () => {
    for (let ordinal = next++; ordinal < urls.length; ordinal = next++) {
      const url = urls[ordinal] ?? '';
      const options = { ordinal, packetsOfFrame, onLost };
      const isRtsp = /^rtsps?:/i.test(url);
      cameras.push(isRtsp ? await Camera.publish(url, options) : await Camera.whip(url, options, entry));
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, publishOnes));
  } catch (error) {
    await close();
    throw error;
  }
  clock = new CameraClock(cameras.length, FRAMES_PER_SECOND, (camera) => cameras[camera]?.frames.send());
}

function sample(): CameraSample {
  let [packets, skipped] = [0, 0];
  for (const { frames } of cameras) {
    packets += frames.rtpPackets;
    skipped += frames.skippedPackets;
  }
  return { packets, skipped, gone };
}

async function close(): Promise<undefined> {
  clock?.stop();
  await Promise.all(cameras.splice(0).map((camera) => camera.leave()));
}

async function answer(request: CameraRequest): Promise<CameraResults[CameraRequest['type']]> {
  switch (request.type) {
    case 'publish':
      return publish(request);
    case 'sample':
      return sample();
    case 'close':
      return close();
  }
}

if (parentPort !== null) serve(parentPort, answer);
