import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  Browser,
  connectionsMade,
  inboundVideo,
  movingPicture,
  NOTICEABLE_FREEZE_SECONDS,
} from './support/chromium.ts';
import { RtspCamera } from './support/rtsp-camera.ts';
import { type PathShape, TestServer, until } from './support/server.ts';

const FPS = 25;
/** From the thread's death to frames in the page that lost its session. */
const RECOVERY_MS = 10_000;
/** So many that no placement puts them all on one of two workers. */
const CAMERAS = 4;

/** What SIGUSR2 does to the server's main thread. */
const BLOCKABLE = new URL('support/blockable.mjs', import.meta.url);
const BLOCKED_MS = 2000;

let server: TestServer;
let browser: Browser;
let cameras: RtspCamera[] = [];

beforeAll(async () => {
  cameras = await Promise.all(Array.from({ length: CAMERAS }, () => RtspCamera.start({ fps: FPS })));
  const paths = cameras.map((camera, index) => `  cam${index}:\n    source: ${camera.url()}\n`);
  server = await TestServer.start({ config: `paths:\n${paths.join('')}`, flags: { workers: '2' }, preload: BLOCKABLE });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await Promise.all(cameras.map((camera) => camera.kill()));
});

/** A stream on each worker. */
async function oneOfEach(): Promise<readonly [PathShape, PathShape]> {
  for (let index = 0; index < CAMERAS; index++) await server.online(`cam${index}`);
  const paths = await server.paths();
  const [first, second] = [0, 1].map((worker) => paths.find((path) => path.worker === worker));
  if (first === undefined || second === undefined) {
    throw new Error(`all on one worker: ${JSON.stringify(paths.map(({ name, worker }) => [name, worker]))}`);
  }
  return [first, second];
}

test('a worker that is killed costs its own viewers a reconnect, and the other worker’s viewers nothing', async () => {
  const [lost, kept] = await oneOfEach();
  const before = await server.workers();
  expect(before.map(({ state, restarts }) => ({ state, restarts }))).toEqual([
    { state: 'up', restarts: 0 },
    { state: 'up', restarts: 0 },
  ]);
  const lostPage = await browser.open(`${server.web}/${lost.name}`);
  const keptPage = await browser.open(`${server.web}/${kept.name}`);
  await movingPicture(lostPage);
  const keptBefore = await movingPicture(keptPage);
  const watchedFromMs = performance.now();

  const response = await fetch(`${server.api}/v3/workers/${lost.worker}/recycle`, { method: 'POST' });
  expect(response.status).toBe(200);
  const killedAtMs = performance.now();
  await until(
    async () => (await connectionsMade(lostPage)) >= 2 && ((await inboundVideo(lostPage))?.framesDecoded ?? 0) >= 5,
    RECOVERY_MS,
    () => `no picture after the worker's death: ${server.log.slice(-1500)}`,
  );
  const recoveryMs = performance.now() - killedAtMs;
  await movingPicture(lostPage);

  const keptAfter = await inboundVideo(keptPage);
  console.log(
    `new frames ${recoveryMs.toFixed(0)} ms after the worker was killed; ` +
      `the other viewer froze ${(keptAfter?.freezeCount ?? 0) - keptBefore.freezeCount} times`,
  );
  const watchedSeconds = (performance.now() - watchedFromMs) / 1000;
  expect(keptAfter?.packetsLost).toBe(0);
  expect((keptAfter?.freezeSeconds ?? 0) - keptBefore.freezeSeconds).toBeLessThan(NOTICEABLE_FREEZE_SECONDS);
  expect((keptAfter?.framesDecoded ?? 0) - keptBefore.framesDecoded).toBeGreaterThan(0.9 * FPS * watchedSeconds - 5);
  expect(await connectionsMade(keptPage)).toBe(1);
  await movingPicture(keptPage, (keptAfter?.framesDecoded ?? 0) + 10);

  const after = await server.workers();
  for (const { id, state, restarts } of after) {
    expect({ id, state, restarts }).toEqual({ id, state: 'up', restarts: id === lost.worker ? 1 : 0 });
  }
  const metrics = await server.metrics();
  expect(metrics.sum('shardcast_worker_restarts_total', { worker: String(lost.worker) })).toBe(1);
  for (const { online } of await server.paths()) expect(online).toBe(true);
  await lostPage.close();
  await keptPage.close();
});

// Threat 25.
test('a main thread that stands still for two seconds costs no viewer a packet', async () => {
  for (const name of ['cam0', 'cam1']) await server.online(name);
  const pages = await Promise.all(['cam0', 'cam1'].map((name) => browser.open(`${server.web}/${name}`)));
  const before = await Promise.all(pages.map((page) => movingPicture(page)));

  const beganMs = performance.now();
  process.kill(server.pid, 'SIGUSR2');
  const answered = await fetch(`${server.web}/healthz`);
  const blockedMs = performance.now() - beganMs;
  expect([answered.status, blockedMs > 0.9 * BLOCKED_MS]).toEqual([200, true]);
  expect(blockedMs).toBeLessThan(BLOCKED_MS + 1000);

  const after = await Promise.all(pages.map((page) => inboundVideo(page)));
  const seconds = (performance.now() - beganMs) / 1000;
  for (const [index, video] of after.entries()) {
    const earlier = before[index];
    expect(video?.packetsLost).toBe(0);
    expect((video?.freezeSeconds ?? 0) - (earlier?.freezeSeconds ?? 0)).toBeLessThan(NOTICEABLE_FREEZE_SECONDS);
    expect((video?.framesDecoded ?? 0) - (earlier?.framesDecoded ?? 0)).toBeGreaterThan(0.8 * FPS * seconds - 5);
  }
  expect((await server.workers()).map(({ state }) => state)).toEqual(['up', 'up']);
  for (const page of pages) {
    expect(await connectionsMade(page)).toBe(1);
    await page.close();
  }
});
