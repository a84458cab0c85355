import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, inboundVideo, movingPicture } from './support/chromium.ts';
import { FfmpegPublisher, H264 } from './support/ffmpeg.ts';
import { TestServer, until } from './support/server.ts';

const LOCAL_ADMIN = `
  - user: any
    ips: [127.0.0.1, '::1']
    permissions: [{ action: api }, { action: metrics }]`;

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.launch();
});
afterAll(() => browser?.close());

async function refused(publisher: FfmpegPublisher): Promise<string> {
  await until(
    () => publisher.hasExited,
    10_000,
    () => 'ffmpeg was not refused',
  );
  return publisher.log;
}

describe('internal users', () => {
  let server: TestServer;
  let camera: FfmpegPublisher;

  beforeAll(async () => {
    server = await TestServer.start({
      config: `
authInternalUsers:
  - user: camera
    pass: c4mera
    permissions: [{ action: publish, path: yard }]
  - user: viewer
    pass: v1ewer
    permissions: [{ action: read }]${LOCAL_ADMIN}
`,
    });
    const url = server.rtsp.replace('rtsp://', 'rtsp://camera:c4mera@');
    camera = new FfmpegPublisher(`${url}/yard`);
    await server.online('yard');
  });
  afterAll(async () => {
    await camera?.stop();
    await server?.stop();
  });

  test('a page that asks for a password plays with the right one', async () => {
    const anonymous = await fetch(`${server.web}/yard/`);
    expect([anonymous.status, anonymous.headers.get('WWW-Authenticate')]).toEqual([401, 'Basic realm="shardcast"']);
    const page = await browser.open(`${server.web.replace('http://', 'http://viewer:v1ewer@')}/yard/`);
    const stats = await movingPicture(page);
    expect(stats.packetsLost).toBe(0);
    await page.close();
  });

  test('an encoder without the password, with a wrong one or for another path is refused', async () => {
    const wrong = server.rtsp.replace('rtsp://', 'rtsp://camera:wrong@');
    const right = server.rtsp.replace('rtsp://', 'rtsp://camera:c4mera@');
    const refusals = [`${server.rtsp}/yard`, `${wrong}/yard`, `${right}/garage`];
    const logs = await Promise.all(refusals.map((url) => refused(new FfmpegPublisher(url, { output: H264 }))));
    for (const log of logs) expect(log).toMatch(/401/);
    expect(server.log).not.toMatch(/c4mera|v1ewer|wrong/);
  });

  test('a bearer token of the form user:pass is a name and a password, as OBS sends them', async () => {
    const post = (token: string) =>
      fetch(`${server.web}/yard/whip`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
        body: 'v=0\r\n',
      });
    expect((await post('camera:c4mera')).status).toBe(400); // let in, and the offer is none
    const refusal = await post('viewer:v1ewer');
    expect([refusal.status, refusal.headers.get('WWW-Authenticate')]).toEqual([401, 'Bearer realm="shardcast"']);
  });

  test('other users take effect by SIGHUP', async () => {
    const hash = createHash('sha256').update('n3w').digest('base64');
    server.reconfigure(`
authInternalUsers:
  - user: viewer
    pass: sha256:${hash}
    permissions: [{ action: read }]${LOCAL_ADMIN}
`);
    const status = async (token: string) =>
      (await fetch(`${server.web}/yard/whep`, { headers: { Authorization: `Bearer ${token}` } })).status;
    await until(
      async () => (await status('viewer:n3w')) === 204,
      5_000,
      () => 'the new password is not taken',
    );
    expect(await status('viewer:v1ewer')).toBe(401);
  });
});

describe('tokens', () => {
  let server: TestServer;
  let keyServer: Server;
  let camera: FfmpegPublisher;
  const keys = generateKeyPair('ES256');

  async function token(permissions: readonly object[], seconds = 60): Promise<string> {
    return new SignJWT({ mediamtx_permissions: permissions })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setExpirationTime(`${seconds}s`)
      .sign((await keys).privateKey);
  }

  beforeAll(async () => {
    const jwk = { ...(await exportJWK((await keys).publicKey)), kid: 'k', alg: 'ES256' };
    keyServer = createServer((_req, res) => res.end(JSON.stringify({ keys: [jwk] })));
    await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
    const address = keyServer.address();
    const port = typeof address === 'object' ? address?.port : 0;
    server = await TestServer.start({
      config: `
authMethod: jwt
authJWTJWKS: http://127.0.0.1:${port}/jwks
authJWTExclude: [{ action: api }, { action: metrics }]
`,
    });
    camera = new FfmpegPublisher(`${server.rtsp}/gate?jwt=${await token([{ action: 'publish', path: 'gate' }])}`);
    await server.online('gate');
  });
  afterAll(async () => {
    await camera?.stop();
    await server?.stop();
    keyServer?.close();
  });

  test('a viewer plays as long as his token lasts, and no longer', async () => {
    const seconds = 8;
    const beganMs = performance.now();
    const page = await browser.open(
      `${server.web}/gate/?jwt=${await token([{ action: 'read', path: 'gate' }], seconds)}`,
    );
    await movingPicture(page);
    await page.waitForFunction(() => document.body.dataset['state'] === 'waiting', undefined, { timeout: 20_000 });
    const endedMs = performance.now() - beganMs;
    expect(endedMs).toBeGreaterThan((seconds - 2) * 1000);
    const shown = (await inboundVideo(page))?.framesDecoded;
    expect((await server.metrics()).sum('shardcast_worker_sessions')).toBe(0);
    await page.waitForFunction(() => /credentials/.test(document.querySelector('#message')?.textContent ?? ''));
    expect((await inboundVideo(page))?.framesDecoded).toBe(shown);
    expect((await server.path('gate'))?.online).toBe(true);
    await page.close();
  });

  test('a token for one path opens no other', async () => {
    const authorization = `Bearer ${await token([{ action: 'read', path: 'gate' }])}`;
    const ask = async (path: string) =>
      (await fetch(`${server.web}/${path}/whep`, { headers: { authorization } })).status;
    expect([await ask('gate'), await ask('yard')]).toEqual([204, 401]);
  });
});
