import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, inboundVideo, movingPicture, timeToFirstFrame } from './support/chromium.ts';
import { FfmpegPublisher, testPicture, x264 } from './support/ffmpeg.ts';
import { RtspCamera } from './support/rtsp-camera.ts';
import { TestServer, until } from './support/server.ts';

const FPS = 25;
const GOP_FRAMES = 10 * FPS;
/** What the server promises is 300 ms, which the benchmark states; a test on a busy machine must not be that strict. */
const BOUND_MS = 1_000;
/** So much of the group of pictures has gone by when the viewers come. */
const LATE_FRAMES = 3 * FPS;
const JOINS = 3;

let server: TestServer;
let browser: Browser;
let camera: RtspCamera;

beforeAll(async () => {
  camera = await RtspCamera.start({ gop: GOP_FRAMES, fps: FPS, size: '640x480' });
  server = await TestServer.start({ config: `paths:\n  pulled:\n    source: ${camera.url()}\n  all_others:\n` });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await camera?.kill();
});

async function joinLate(path: string): Promise<void> {
  const page = await browser.open(`${server.web}/${path}`);
  await movingPicture(page, LATE_FRAMES);
  const keyframes = async () => (await server.metrics()).sum('shardcast_stream_keyframes_total', { path });
  expect(await keyframes()).toBe(1);
  const times: number[] = [];
  for (let join = 0; join < JOINS; join++) {
    const late = await browser.open(`${server.web}/`);
    const { firstFrameMs } = await timeToFirstFrame(late, path);
    times.push(firstFrameMs);
    // The picture must go on from the cache without a hole.
    await until(
      async () => ((await inboundVideo(late))?.framesDecoded ?? 0) > LATE_FRAMES,
      5_000,
      () => 'the late viewer’s picture stands still',
    );
    expect(await inboundVideo(late)).toMatchObject({ packetsLost: 0, keyFramesDecoded: 1 });
    await late.close();
  }
  expect(await keyframes(), 'all of this between two keyframes').toBe(1);
  console.log(`${path}: first frame after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms of the POST`);
  expect(Math.max(...times)).toBeLessThan(BOUND_MS);
  await page.close();
}

test('who joins a pulled camera between keyframes that are 10 s apart sees it at once', async () => {
  await joinLate('pulled');
});

test('who joins a pushed stream between keyframes that are 10 s apart sees it at once', async () => {
  const publisher = new FfmpegPublisher(`${server.rtsp}/pushed`, {
    input: testPicture('1280x720'),
    output: x264({ keyframes: GOP_FRAMES, bitrate: '1500k' }),
  });
  try {
    await server.online('pushed');
    await joinLate('pushed');
  } finally {
    await publisher.stop();
  }
});
