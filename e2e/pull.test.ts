import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, movingPicture } from './support/chromium.ts';
import { RtspCamera } from './support/rtsp-camera.ts';
import { TestServer, until } from './support/server.ts';

// The reserved characters must survive the URL in both directions.
const PASSWORD = 'hunter2:@/?#%';
const WRITTEN = encodeURIComponent(PASSWORD);
const WRONG = 'not-the-password';

let server: TestServer;
let browser: Browser;
const cameras: RtspCamera[] = [];
/** Asked for early: the server lets a viewer wait a while for a source that may still come. */
let whepRefusal: Promise<Response>;

beforeAll(async () => {
  const protect = { user: 'admin', password: PASSWORD } as const;
  // One camera a path: several clients that log in at once bring GStreamer's server down.
  cameras.push(
    ...(await Promise.all([
      RtspCamera.start({ ...protect, auth: 'digest' }),
      RtspCamera.start({ ...protect, auth: 'digest' }),
      RtspCamera.start({ ...protect, auth: 'basic' }),
      RtspCamera.start({ ...protect, auth: 'digest', transport: 'udp' }),
      RtspCamera.start({ ...protect, auth: 'digest' }),
    ])),
  );
  const [tcp, udp, basic, udpOnly] = cameras.map((camera) => camera.url(`admin:${WRITTEN}`));
  const refused = cameras[4]?.url(`admin:${WRONG}`);
  const path = (name: string, source: string | undefined, transport: string) =>
    `  ${name}:\n    source: '${source}'\n    rtspTransport: ${transport}\n`;
  server = await TestServer.start({
    config: `paths:\n${[
      path('digest-tcp', tcp, 'tcp'),
      path('digest-udp', udp, 'udp'),
      path('basic-tcp', basic, 'tcp'),
      path('automatic', udpOnly, 'automatic'),
      path('refused', refused, 'tcp'),
      path('nowhere', 'rtsp://127.0.0.1:9/cam', 'tcp'),
    ].join('')}`,
    flags: { logLevel: 'debug' },
  });
  whepRefusal = fetch(`${server.web}/nowhere/whep`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: 'v=0',
  });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await Promise.all(cameras.map((camera) => camera.kill()));
});

for (const [path, what] of [
  ['digest-tcp', 'asks for Digest, over TCP'],
  ['digest-udp', 'asks for Digest, over UDP'],
  ['basic-tcp', 'asks for Basic, over TCP'],
  ['automatic', 'refuses TCP, over UDP'],
] as const) {
  test(`Chromium decodes a pulled camera that ${what}`, async () => {
    await server.online(path);
    const page = await browser.open(`${server.web}/${path}`);
    const stats = await movingPicture(page);
    expect(stats.frameWidth).toBe(320);
    expect(stats.packetsLost).toBe(0);
    await page.close();
    const live = server.logLines().find((line) => line['msg'] === 'rtsp source live' && line['path'] === path);
    expect(live?.['transport']).toBe(path === 'digest-udp' || path === 'automatic' ? 'udp' : 'tcp');
  });
}

test('a wrong password keeps a path offline, and the API and the log say why', async () => {
  await until(
    async () => /401|unauthori[sz]ed|credentials|password/i.test((await server.path('refused'))?.reason ?? ''),
    10_000,
    () => `no reason: ${server.log.slice(-1500)}`,
  );
  expect(await server.path('refused')).toMatchObject({ online: false, source: null });
  const said = server.logLines().filter((line) => line['path'] === 'refused' && line['reason'] !== undefined);
  expect(said.some(({ reason }) => /401|unauthori[sz]ed|credentials|password/i.test(String(reason)))).toBe(true);
});

test('a camera that cannot be reached keeps its path offline with the reason, and viewers are told', async () => {
  await until(
    async () => /refused|ECONN/i.test((await server.path('nowhere'))?.reason ?? ''),
    10_000,
    () => `no reason: ${server.log.slice(-1500)}`,
  );
  expect((await server.path('nowhere'))?.online).toBe(false);
  const refusal = await whepRefusal;
  expect(refusal.status).toBe(409);
  expect(await refusal.json()).toMatchObject({ code: 'STREAM_NOT_READY', detail: expect.stringMatching(/refused/i) });
});

test('no password is written anywhere, not even at debug level', async () => {
  const pages = await Promise.all(
    [
      `${server.api}/v3/paths/list`,
      `${server.api}/v3/paths/get/refused`,
      `${server.api}/v3/workers/list`,
      `${server.metricsUrl}/metrics`,
      `${server.web}/`,
    ].map(async (url) => (await fetch(url)).text()),
  );
  for (const secret of [PASSWORD, WRITTEN, WRONG, 'hunter2', Buffer.from(`admin:${PASSWORD}`).toString('base64')]) {
    expect(server.log.includes(secret), 'in the log').toBe(false);
    for (const text of pages) expect(text.includes(secret), 'in an answer').toBe(false);
  }
});
