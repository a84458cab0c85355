import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNativeAddon } from '../packages/sfu-worker/src/fastpath/native-addon.ts';
import { Browser, movingPicture, sound } from './support/chromium.ts';
import { TestServer, until } from './support/server.ts';

const hasAddon = 'addon' in loadNativeAddon();

describe.skipIf(!hasAddon)('handshakes by OpenSSL', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.start({ flags: { dtls: 'openssl' } });
    browser = await Browser.launch();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('a browser publishes and plays, and both goodbyes are understood', async () => {
    expect(await (await fetch(`${server.web}/healthz`)).json()).toMatchObject({ dtls: 'openssl' });
    const publisher = await browser.open(`${server.web}/shaken/publish`);
    await publisher.selectOption('#width', '640');
    await publisher.click('#start');
    await server.online('shaken');
    const viewer = await browser.open(`${server.web}/shaken`);
    expect((await movingPicture(viewer)).packetsLost).toBe(0);
    expect((await sound(viewer)).codec).toBe('audio/opus');
    // Without a DELETE: what ends the session is DTLS's close_notify, long before consent expires.
    await publisher.evaluate(() => {
      (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.at(-1)?.close();
    });
    await until(
      async () => (await server.path('shaken'))?.online !== true,
      5000,
      () => 'the publisher left and its stream is still there',
    );
  });
});

test.skipIf(hasAddon)('OpenSSL was not tested: the addon is not built here', (context) => context.skip());
