import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, inboundVideo, movingPicture, sound, timeToFirstFrame } from './support/chromium.ts';
import { FfmpegPublisher, H264 } from './support/ffmpeg.ts';
import { ffmpegHasMuxer, gstreamer, hasGstreamerElement } from './support/process.ts';
import { TestServer, until } from './support/server.ts';
import { WeriftViewer } from './support/werift-viewer.ts';

/** Of the stream, whatever its viewers ask (hardening: PLI storm). */
const KEYFRAME_REQUEST_INTERVAL_MS = 500;

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  server = await TestServer.start({ flags: { 'paths.taken.overridePublisher': 'off' } });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** Presses the buttons of the publisher page, as a user does. */
async function publish(path: string, codec = ''): Promise<Page> {
  const page = await browser.open(`${server.web}/${path}/publish`);
  await page.selectOption('#codec', codec);
  await page.selectOption('#width', '640');
  await page.selectOption('#bitrate', '1000');
  await page.click('#start');
  await server.online(path);
  return page;
}

type Outbound = { codec: string; pliCount: number; framesSent: number };

function outboundVideo(page: Page): Promise<Outbound> {
  return page.evaluate(async () => {
    const connection = (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.at(-1);
    const reports = await connection?.getStats();
    for (const report of reports?.values() ?? []) {
      if (report.type !== 'outbound-rtp' || report.kind !== 'video') continue;
      const codec = reports?.get(report.codecId)?.mimeType ?? '';
      return { codec, pliCount: report.pliCount ?? 0, framesSent: report.framesSent ?? 0 };
    }
    return { codec: '', pliCount: 0, framesSent: 0 };
  });
}

test('a browser’s camera and microphone, published from the page, reach another page', async () => {
  const publisher = await publish('browser');
  const viewer = await browser.open(`${server.web}/browser`);
  const stats = await movingPicture(viewer);
  expect(stats.packetsLost).toBe(0);
  expect((await sound(viewer)).codec).toBe('audio/opus');
  expect(await outboundVideo(publisher)).toMatchObject({ codec: 'video/VP8' });
  expect((await server.path('browser'))?.tracks.toSorted()).toEqual(['Opus', 'VP8']);
  await publisher.click('#stop');
  await until(
    async () => (await server.path('browser'))?.online !== true,
    5_000,
    () => 'the stop button did not end the stream',
  );
  await viewer.close();
  await publisher.close();
});

for (const codec of ['H264', 'VP9', 'AV1']) {
  test(`${codec} from a browser passes through to another page`, async (context) => {
    const probe = await browser.open(`${server.web}/`);
    const canSend = await probe.evaluate(
      (name) => RTCRtpSender.getCapabilities('video')?.codecs.some(({ mimeType }) => mimeType === `video/${name}`),
      codec,
    );
    await probe.close();
    if (canSend !== true) context.skip(`this Chromium does not encode ${codec}`);
    const path = `browser-${codec}`;
    const publisher = await publish(path, codec);
    const viewer = await browser.open(`${server.web}/${path}`);
    const stats = await movingPicture(viewer);
    expect(stats.packetsLost).toBe(0);
    expect((await outboundVideo(publisher)).codec).toBe(`video/${codec}`);
    expect((await server.path(path))?.tracks).toContain(codec);
    await viewer.close();
    await publisher.close();
  });
}

test('a viewer that joins a browser’s stream late is shown a picture without a wait for the next keyframe', async () => {
  const publisher = await publish('late');
  await until(
    async () => (await outboundVideo(publisher)).framesSent > 60,
    10_000,
    () => 'the publisher does not send',
  );
  const page = await browser.open(`${server.web}/`);
  const { firstFrameMs } = await timeToFirstFrame(page, 'late');
  console.log(`first frame of a browser's stream after ${firstFrameMs.toFixed(0)} ms`);
  expect(firstFrameMs).toBeLessThan(1_000);
  await page.close();
  await publisher.close();
});

test('a storm of keyframe requests reaches the publisher at most every 500 ms', async () => {
  const publisher = await publish('storm');
  const watcher = await browser.open(`${server.web}/storm`);
  await movingPicture(watcher, 10);
  const viewer = await WeriftViewer.play(`${server.web}/storm/whep`, { mimeType: 'video/VP8' });
  try {
    await until(
      () => viewer.payloads.length > 0,
      10_000,
      () => 'the viewer gets nothing',
    );
    const read = async () => {
      const metrics = await server.metrics();
      const requests = (direction: string) => metrics.sum('shardcast_keyframe_requests_total', { direction });
      return { asked: requests('in'), passedOn: requests('out'), heard: (await outboundVideo(publisher)).pliCount };
    };
    const before = await read();
    const beganMs = performance.now();
    let sent = 0;
    await until(
      async () => {
        await viewer.requestKeyframe();
        sent++;
        return performance.now() - beganMs > 2_500;
      },
      10_000,
      () => 'unreachable',
    );
    await until(
      async () => (await read()).asked - before.asked === sent,
      5_000,
      () => 'not every request arrived',
    );
    const after = await read();
    const windows = Math.ceil((performance.now() - beganMs) / KEYFRAME_REQUEST_INTERVAL_MS);
    console.log(`${sent} requests of a viewer, ${after.passedOn - before.passedOn} passed on`);
    expect(sent).toBeGreaterThan(20);
    expect(after.passedOn - before.passedOn).toBeGreaterThanOrEqual(2);
    expect(after.passedOn - before.passedOn).toBeLessThanOrEqual(windows + 1);
    await until(
      async () => (await read()).heard - before.heard >= after.passedOn - before.passedOn,
      5_000,
      () => 'the publisher did not hear of them',
    );
    const stats = await inboundVideo(watcher);
    expect(stats?.packetsLost).toBe(0);
  } finally {
    await viewer.close();
    await watcher.close();
    await publisher.close();
  }
});

test('a second publisher of a path with overridePublisher off is refused, and the first goes on', async () => {
  const publisher = await publish('taken');
  const second = await browser.open(`${server.web}/taken/publish`);
  await second.click('#start');
  await second.waitForFunction(() => /already publishing/.test(document.querySelector('#message')?.textContent ?? ''));
  const rtsp = new FfmpegPublisher(`${server.rtsp}/taken`, { output: H264 });
  await until(
    () => rtsp.hasExited,
    10_000,
    () => 'ffmpeg was not refused',
  );
  expect(rtsp.log).toMatch(/455|Not Valid/);
  const viewer = await browser.open(`${server.web}/taken`);
  await movingPicture(viewer);
  await viewer.close();
  await second.close();
  await publisher.close();
});

describe('programs that this machine may not have', () => {
  test.skipIf(!ffmpegHasMuxer('whip'))('ffmpeg publishes by WHIP', async () => {
    const publisher = new FfmpegPublisher(`${server.web}/ffmpeg/whip`, { format: 'whip' });
    const page = await watch('ffmpeg');
    await page.close();
    await publisher.stop();
  });

  test.skipIf(!hasGstreamerElement('whipclientsink'))('GStreamer publishes by WHIP', async () => {
    const publisher = gstreamer(
      `videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=480 ! whipclientsink signaller::whip-endpoint=${server.web}/gst/whip`,
    );
    const page = await watch('gst');
    await page.close();
    await publisher.stop();
  });

  test.skipIf(!hasGstreamerElement('whepsrc'))('GStreamer plays by WHEP', async () => {
    const player = gstreamer(
      `whepsrc whep-endpoint=${server.web}/demo/whep video-caps="application/x-rtp,media=video,encoding-name=H264,payload=97,clock-rate=90000" ! rtph264depay ! fakesink num-buffers=50`,
    );
    await until(
      () => player.hasExited,
      20_000,
      () => player.log,
    );
  });

  async function watch(path: string): Promise<Page> {
    await server.online(path);
    const page = await browser.open(`${server.web}/${path}`);
    await movingPicture(page);
    return page;
  }
});
