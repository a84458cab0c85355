import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, movingPicture } from './support/chromium.ts';
import { Firefox, hasFirefox } from './support/firefox.ts';
import { TestServer, until } from './support/server.ts';

type Watched = { frames: number; width: number; lost: number; codec: string; hash: number };

/** The player page has its connection to itself, so statistics are read from a bare WHEP client of the test's own. */
const PLAY = `
  const [name] = ['%PATH%'];
  const video = document.body.appendChild(document.createElement('video'));
  video.muted = true;
  const peer = (window.peer = new RTCPeerConnection());
  peer.addTransceiver('video', { direction: 'recvonly' });
  peer.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
    video.play();
  };
  await peer.setLocalDescription(await peer.createOffer());
  const response = await fetch('/' + name + '/whep', {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: peer.localDescription.sdp,
  });
  const answer = await response.text();
  if (response.status === 201) await peer.setRemoteDescription({ type: 'answer', sdp: answer });
  return [response.status, answer];
`;
const LOOK = `
  const reports = [...(await window.peer.getStats()).values()];
  const inbound = reports.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video') ?? {};
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas');
  canvas.width = 160;
  canvas.height = 90;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 160, 90);
  let hash = 0;
  for (const byte of context.getImageData(0, 0, 160, 90).data) hash = (Math.imul(hash, 31) + byte) | 0;
  return {
    frames: inbound.framesDecoded ?? 0,
    width: video.videoWidth,
    lost: inbound.packetsLost ?? 0,
    codec: reports.find(({ id }) => id === inbound.codecId)?.mimeType ?? '',
    hash,
  };
`;

describe.skipIf(!hasFirefox())('Firefox', () => {
  let server: TestServer;
  let chromium: Browser;
  let firefox: Firefox;

  beforeAll(async () => {
    server = await TestServer.start();
    [chromium, firefox] = await Promise.all([Browser.launch(), Firefox.launch()]);
  });
  afterAll(async () => {
    await firefox?.close();
    await chromium?.close();
    await server?.stop();
  });

  async function watch(path: string): Promise<Watched> {
    await firefox.open(`${server.web}/`);
    const [status, answer] = await firefox.run<[number, string]>(PLAY.replace('%PATH%', path));
    expect([status, status === 201 ? '' : answer]).toEqual([201, '']);
    const hashes = new Set<number>();
    let seen: Watched | undefined;
    await until(
      async () => {
        seen = await firefox.run<Watched>(LOOK);
        if (seen.width > 0) hashes.add(seen.hash);
        return seen.frames >= 25 && hashes.size >= 3;
      },
      20_000,
      () => `no moving picture: ${JSON.stringify(seen)}`,
    );
    if (seen === undefined) throw new Error('no statistics');
    return seen;
  }

  test('plays what Chromium publishes', async () => {
    const publisher = await chromium.open(`${server.web}/from-chromium/publish`);
    await publisher.selectOption('#width', '640');
    await publisher.click('#start');
    await server.online('from-chromium');
    const seen = await watch('from-chromium');
    expect(seen).toMatchObject({ lost: 0, codec: 'video/VP8' });
    await publisher.close();
  });

  test('publishes from the page, and Chromium plays it', async () => {
    await firefox.open(`${server.web}/from-firefox/publish`);
    await firefox.run(`document.querySelector('#width').value = '640'; document.querySelector('#start').click();`);
    await server.online('from-firefox');
    const page = await chromium.open(`${server.web}/from-firefox`);
    const stats = await movingPicture(page, 25, 1); // Firefox's fake camera shows one colour after the other
    expect(stats.packetsLost).toBe(0);
    await page.close();
    await firefox.run(`document.querySelector('#stop').click();`);
  });

  test('plays H.264 where it can decode it', async (context) => {
    await firefox.open(`${server.web}/`);
    const codecs = await firefox.run<string[]>(
      `return RTCRtpReceiver.getCapabilities('video').codecs.map(({ mimeType }) => mimeType);`,
    );
    if (!codecs.includes('video/H264')) context.skip('this Firefox has no H.264');
    expect(await watch('demo')).toMatchObject({ lost: 0, width: 1280, codec: 'video/H264' });
  });
});
