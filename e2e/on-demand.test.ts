import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, movingPicture } from './support/chromium.ts';
import { RtspCamera } from './support/rtsp-camera.ts';
import { TestServer, until } from './support/server.ts';

let camera: RtspCamera;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  camera = await RtspCamera.start({ fps: 25, gop: 10 });
  server = await TestServer.start({
    config: `paths:
  '~^plant-(\\d+)$':
    source: rtsp://127.0.0.1:$G1/cam
    sourceOnDemand: on
    sourceOnDemandStartTimeout: 5s
    sourceOnDemandCloseAfter: 1s
`,
  });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await camera?.kill();
});

test('a camera of a pattern is dialled for its first viewer, who sees it move, and left after the last', async () => {
  const name = `plant-${camera.port}`;
  expect(await server.paths()).toEqual([]);
  for (let round = 0; round < 2; round++) {
    const page = await browser.open(`${server.web}/${name}`);
    const stats = await movingPicture(page);
    expect(stats.frameWidth).toBe(320);
    await page.close();
    await until(
      async () => (await server.paths()).length === 0,
      15_000,
      () => `it stays: ${server.log.slice(-1500)}`,
    );
  }
  const dialled = server.logLines().filter(({ msg }) => msg === 'rtsp source live');
  expect(dialled.map(({ path }) => path)).toEqual([name, name]);
});

async function refusal(path: string): Promise<{ status: number; code: string; detail: string }> {
  const response = await fetch(`${server.web}/${path}/whep`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: 'v=0',
  });
  return { status: response.status, ...((await response.json()) as { code: string; detail: string }) };
}

test('who wants to watch one that is not there, or cannot be, is told so', async () => {
  const [away, impossible] = await Promise.all([refusal('plant-9'), refusal('plant-99999')]);
  expect(away).toMatchObject({ status: 409, code: 'STREAM_NOT_READY', detail: expect.stringMatching(/refused/i) });
  expect(impossible).toMatchObject({ status: 409, code: 'STREAM_NOT_READY', detail: expect.stringMatching(/URL/) });
});
