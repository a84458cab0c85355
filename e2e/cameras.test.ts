import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, movingPicture } from './support/chromium.ts';
import { FfmpegPublisher } from './support/ffmpeg.ts';
import { TestServer } from './support/server.ts';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  server = await TestServer.start();
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test('without a configuration the path demo shows a moving picture', async () => {
  const page = await browser.open(`${server.web}/demo`);
  const stats = await movingPicture(page);
  expect(stats.frameWidth).toBe(1280);
  expect(stats.packetsLost).toBe(0);
  await page.close();
});

for (const transport of ['tcp', 'udp'] as const) {
  test(`Chromium decodes what ffmpeg pushes by RTSP over ${transport.toUpperCase()}`, async () => {
    const camera = new FfmpegPublisher(`${server.rtsp}/push-${transport}`, { transport });
    try {
      await server.online(`push-${transport}`);
      const page = await browser.open(`${server.web}/push-${transport}`);
      const stats = await movingPicture(page);
      expect(stats.frameWidth).toBe(640);
      expect(stats.packetsLost).toBe(0);
      await page.close();
    } finally {
      await camera.stop();
    }
  });
}

test('a publisher is relayed to its worker where the addon does not serve, and handed over where it does', async () => {
  for (const fastPath of ['portable', 'auto']) {
    const each = await TestServer.start({ flags: { fastPath, logLevel: 'debug' } });
    const camera = new FfmpegPublisher(`${each.rtsp}/pushed`, { transport: 'tcp' });
    try {
      await each.online('pushed');
      const page = await browser.open(`${each.web}/pushed`);
      expect((await movingPicture(page)).packetsLost).toBe(0);
      await page.close();
      const isNative = (await each.metrics()).sum('shardcast_fast_path_info', { path: 'native' }) > 0;
      const line = each.logLines().find(({ msg }) => msg === 'rtsp publisher handed over');
      expect(line).toMatchObject({ path: 'pushed', by: isNative ? 'descriptor' : 'relay' });
    } finally {
      await camera.stop();
      await each.stop();
    }
  }
});
