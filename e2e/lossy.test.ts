import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, inboundVideo, timeToFirstFrame } from './support/chromium.ts';
import { FfmpegPublisher, testPicture, x264 } from './support/ffmpeg.ts';
import { LossyRelay } from './support/lossy-relay.ts';
import { TestServer, until } from './support/server.ts';

const FPS = 25;
/** The camera makes one keyframe, at its beginning: another one can only come from the cache. */
const GOP_FRAMES = 120 * FPS;
const LOSSES = 3;

let server: TestServer;
let browser: Browser;
let camera: FfmpegPublisher;

beforeAll(async () => {
  server = await TestServer.start({
    flags: { workers: '1' },
    config: 'keyframeCache:\n  maxAge: 2m\n  maxBytes: 32M\n',
  });
  browser = await Browser.launch();
  camera = new FfmpegPublisher(`${server.rtsp}/cam`, {
    input: testPicture('640x360'),
    output: x264({ keyframes: GOP_FRAMES, bitrate: '500k' }),
  });
  await server.online('cam');
});
afterAll(async () => {
  await camera?.stop();
  await browser?.close();
  await server?.stop();
});

test('a viewer that loses a frame between keyframes far apart sees the stream go on, from the cache', async () => {
  const [worker] = await server.workers();
  const serverPort = worker?.udpPort ?? 0;
  const relay = await LossyRelay.open(serverPort);
  const page = await browser.open(`${server.web}/healthz`); // of the origin, and never loaded again by itself
  const video = async () => {
    const stats = await inboundVideo(page);
    if (stats === undefined) throw new Error('no video');
    return stats;
  };
  const decodes = async (frames: number) => {
    const from = (await video()).framesDecoded;
    await until(
      async () => (await video()).framesDecoded >= from + frames,
      10_000,
      () => `the picture stands still: ${relay.lost} of ${relay.sent} packets were lost`,
    );
  };
  try {
    await relay.between(page, serverPort);
    await timeToFirstFrame(page, 'cam');
    await decodes(FPS);
    for (let loss = 1; loss <= LOSSES; loss++) {
      const before = await video();
      const lost = relay.lost;
      relay.loseFrame();
      await until(
        async () => (await video()).keyFramesDecoded > before.keyFramesDecoded,
        15_000,
        () => `no keyframe after loss ${loss}: ${relay.lost - lost} of ${relay.sent} packets were lost`,
      );
      expect(relay.lost).toBeGreaterThan(lost);
      await decodes(2 * FPS);
    }
    const stats = await video();
    expect(stats.pliCount).toBeGreaterThanOrEqual(LOSSES);
    // As the server sent them, no sequence number is left out or comes twice.
    expect({ missing: relay.missing, disordered: relay.disordered }).toEqual({
      missing: relay.overflowed(),
      disordered: 0,
    });
    const metrics = await server.metrics();
    expect(metrics.sum('shardcast_stream_keyframes_total', { path: 'cam' }), 'keyframes of the camera').toBe(1);
    expect(metrics.sum('shardcast_keyframe_requests_total', { direction: 'in' })).toBeGreaterThanOrEqual(LOSSES);
  } finally {
    await page.close();
    relay.close();
  }
});
