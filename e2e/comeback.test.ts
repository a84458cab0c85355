import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, connectionsMade, inboundVideo, movingPicture } from './support/chromium.ts';
import { FfmpegPublisher, H264 } from './support/ffmpeg.ts';
import { RtspCamera } from './support/rtsp-camera.ts';
import { TestServer, until } from './support/server.ts';

/** From the moment that the camera dies until its viewer sees new frames; the camera's own start is in it. */
const LONGEST_GAP_MS = 5_000;

let server: TestServer;
let browser: Browser;
let camera: RtspCamera;

beforeAll(async () => {
  camera = await RtspCamera.start();
  server = await TestServer.start({ config: `paths:\n  cam:\n    source: ${camera.url()}\n  all_others:\n` });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await camera?.kill();
});

/** Takes the source away and brings it back; the page must go on in the session that it has. */
async function survive(page: Page, path: string, away: () => Promise<void>, back: () => Promise<void>, width: number) {
  await movingPicture(page);
  const { readers } = await readersOf(path);
  expect(readers).toHaveLength(1);
  const goneAtMs = performance.now();
  await away();
  await until(
    async () => (await server.path(path))?.online === false,
    LONGEST_GAP_MS,
    () => `${path} is still online`,
  );
  const before = await inboundVideo(page);
  await back();
  let after = before;
  await until(
    async () => {
      after = await inboundVideo(page);
      return (after?.framesDecoded ?? 0) >= (before?.framesDecoded ?? 0) + 5 && after?.frameWidth === width;
    },
    15_000,
    () => `no new frames: ${JSON.stringify({ before, after })} ${server.log.slice(-1500)}`,
  );
  const gapMs = performance.now() - goneAtMs;
  console.log(`${path}: new frames ${gapMs.toFixed(0)} ms after the source was killed`);
  expect(gapMs).toBeLessThan(LONGEST_GAP_MS);
  expect(await connectionsMade(page)).toBe(1);
  expect((await readersOf(path)).readers).toEqual(readers);
  // Another source, the same RTP stream to viewers: nothing looks lost.
  expect(after?.packetsLost).toBe(0);
  await movingPicture(page, (before?.framesDecoded ?? 0) + 25);
}

async function readersOf(path: string): Promise<{ readers: { id: string }[] }> {
  return (await (await fetch(`${server.api}/v3/paths/get/${path}`)).json()) as { readers: { id: string }[] };
}

test('a pulled camera that restarts with another picture size keeps its viewers’ sessions', async () => {
  await server.online('cam');
  const page = await browser.open(`${server.web}/cam`);
  const back = async () => {
    camera = await RtspCamera.start({ port: camera.port, size: '640x480' });
  };
  await survive(page, 'cam', () => camera.kill(), back, 640);
  await page.close();
});

for (const transport of ['tcp', 'udp'] as const) {
  test(`an ffmpeg that pushes over ${transport.toUpperCase()} and is started again keeps its viewers’ sessions`, async () => {
    const path = `push-${transport}`;
    const push = (size: string) =>
      new FfmpegPublisher(`${server.rtsp}/${path}`, {
        transport,
        input: ['-re', '-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25`],
        output: H264,
      });
    let publisher = push('640x360');
    try {
      await server.online(path);
      const page = await browser.open(`${server.web}/${path}`);
      const back = async () => {
        publisher = push('320x180');
      };
      await survive(page, path, () => publisher.stop(), back, 320);
      await page.close();
    } finally {
      await publisher.stop();
    }
  });
}

test('an encoder that starts again while its first connection hangs takes over, and viewers stay', async () => {
  const first = new FfmpegPublisher(`${server.rtsp}/hung`);
  let second: FfmpegPublisher | undefined;
  try {
    await server.online('hung');
    const page = await browser.open(`${server.web}/hung`);
    const before = await movingPicture(page);
    first.signal('SIGSTOP');
    second = new FfmpegPublisher(`${server.rtsp}/hung`, {
      input: ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25'],
      output: H264,
    });
    await until(
      async () => (await inboundVideo(page))?.frameWidth === 320,
      5_000, // sooner than the read time-out that would end the first one
      () => `the second encoder's picture did not come: ${server.log.slice(-1500)}`,
    );
    const after = await movingPicture(page, before.framesDecoded + 25);
    expect(after.packetsLost).toBe(0);
    expect(await connectionsMade(page)).toBe(1);
    await page.close();
  } finally {
    first.signal('SIGCONT');
    await first.stop();
    await second?.stop();
  }
});

test('a publisher that does not come back within its grace costs its viewers their sessions, and the player waits', async () => {
  const short = await TestServer.start({ flags: { publisherGrace: '500ms' } });
  const publisher = new FfmpegPublisher(`${short.rtsp}/brief`);
  try {
    await short.online('brief');
    const page = await browser.open(`${short.web}/brief`);
    await movingPicture(page);
    await publisher.stop();
    await page.waitForFunction(() => document.body.dataset['state'] === 'waiting', undefined, { timeout: 10_000 });
    expect((await short.metrics()).sum('shardcast_worker_sessions')).toBe(0);
    await page.close();
  } finally {
    await publisher.stop();
    await short.stop();
  }
});
