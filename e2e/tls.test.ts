import { afterAll, beforeAll, expect, test } from 'vitest';
import { CipherContext, HashAlgorithm, NamedCurveAlgorithm, SignatureAlgorithm } from 'werift';
import { Browser, movingPicture } from './support/chromium.ts';
import { FfmpegPublisher } from './support/ffmpeg.ts';
import { TestServer } from './support/server.ts';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  const { certPem, keyPem } = await CipherContext.createSelfSignedCertificateWithKey(
    { hash: HashAlgorithm.sha256_4, signature: SignatureAlgorithm.ecdsa_3 },
    NamedCurveAlgorithm.secp256r1_23,
  );
  server = await TestServer.start({
    flags: { webrtcEncryption: 'on', rtspEncryption: 'strict' },
    files: { 'server.key': keyPem, 'server.crt': certPem },
  });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test('an encoder pushes by RTSPS and a page plays by HTTPS', async () => {
  expect([server.web.slice(0, 8), server.rtsps.slice(0, 8), server.rtsp]).toEqual(['https://', 'rtsps://', '']);
  const camera = new FfmpegPublisher(`${server.rtsps}/cam`);
  try {
    await server.online('cam');
    const page = await browser.open(`${server.web}/cam`);
    expect((await movingPicture(page)).packetsLost).toBe(0);
    await page.close();
  } finally {
    await camera.stop();
  }
});

test('a page by HTTPS may use the camera and publishes', async () => {
  const page = await browser.open(`${server.web}/me/publish`);
  await page.click('#start');
  await server.online('me');
  await page.close();
});
