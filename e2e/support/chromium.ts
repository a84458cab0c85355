import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { until } from './server.ts';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
];

/** Debian's Chromium with a profile of its own. */
export class Browser {
  readonly #context: BrowserContext;
  readonly #profile: string;

  private constructor(context: BrowserContext, profile: string) {
    this.#context = context;
    this.#profile = profile;
  }

  static async launch(): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), 'shardcast-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: '/usr/bin/chromium',
      headless: true,
      ignoreHTTPSErrors: true, // of servers that the tests themselves started
      args: ARGUMENTS,
    });
    return new Browser(context, profile);
  }

  async open(url: string): Promise<Page> {
    const page = await this.#context.newPage();
    // Statistics and pixels are read from the page's own connections, whatever script makes them.
    await page.addInitScript(() => {
      const connections: RTCPeerConnection[] = [];
      Object.defineProperty(window, 'testConnections', { value: connections });
      const Native = window.RTCPeerConnection;
      window.RTCPeerConnection = class extends Native {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          connections.push(this);
        }
      };
    });
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.#context.close();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

export type InboundVideo = {
  framesDecoded: number;
  keyFramesDecoded: number;
  packetsReceived: number;
  packetsLost: number;
  freezeCount: number;
  freezeSeconds: number;
  framesDropped: number;
  pliCount: number;
  frameWidth: number;
};

/**
 * Chromium calls 190 ms between two frames of 25 a second a freeze, which a processor that browser, encoder and server
 * share gives now and then by itself. A lost frame without retransmission costs a viewer seconds.
 */
export const NOTICEABLE_FREEZE_SECONDS = 0.6;

/** Chromium's own statistics of the newest connection's video; undefined before there is any. */
export function inboundVideo(page: Page): Promise<InboundVideo | undefined> {
  return page.evaluate(async () => {
    const connection = (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.at(-1);
    if (connection === undefined) return undefined;
    for (const report of (await connection.getStats()).values()) {
      if (report.type === 'inbound-rtp' && report.kind === 'video') {
        return {
          framesDecoded: report.framesDecoded ?? 0,
          keyFramesDecoded: report.keyFramesDecoded ?? 0,
          packetsReceived: report.packetsReceived ?? 0,
          packetsLost: report.packetsLost ?? 0,
          freezeCount: report.freezeCount ?? 0,
          freezeSeconds: report.totalFreezesDuration ?? 0,
          framesDropped: report.framesDropped ?? 0,
          pliCount: report.pliCount ?? 0,
          frameWidth: report.frameWidth ?? 0,
        };
      }
    }
    return undefined;
  });
}

/** A hash of the picture that the page shows, and how many colours it has: black or frozen pictures are told. */
export function picture(page: Page): Promise<{ hash: number; colours: number }> {
  return page.evaluate(() => {
    const video = document.querySelector('video');
    if (video === null || video.videoWidth === 0) return { hash: 0, colours: 0 };
    const canvas = document.createElement('canvas');
    canvas.width = 160;
    canvas.height = 90;
    const context = canvas.getContext('2d');
    if (context === null) return { hash: 0, colours: 0 };
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0;
    const colours = new Set<number>();
    for (let i = 0; i < data.length; i += 4) {
      const colour = ((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
      hash = (Math.imul(hash, 31) + colour) | 0;
      colours.add(colour & 0xf0f0f0);
    }
    return { hash, colours: colours.size };
  });
}

/**
 * Waits until the page decodes a moving, coloured picture.
 * @param minColours in one picture; a camera may show fewer
 * @returns statistics then
 */
export async function movingPicture(page: Page, frames = 25, minColours = 8): Promise<InboundVideo> {
  let stats: InboundVideo | undefined;
  const hashes = new Set<number>();
  let colours = 0;
  await until(
    async () => {
      stats = await inboundVideo(page);
      const shown = await picture(page);
      if (shown.colours > 0) hashes.add(shown.hash);
      colours = Math.max(colours, shown.colours);
      return (stats?.framesDecoded ?? 0) >= frames && hashes.size >= 3 && colours >= minColours;
    },
    20_000,
    () => `no moving picture: ${JSON.stringify(stats)}, ${hashes.size} pictures, ${colours} colours`,
  );
  if (stats === undefined) throw new Error('no statistics');
  return stats;
}

/** How many peer connections the page has made since it was opened. */
export function connectionsMade(page: Page): Promise<number> {
  return page.evaluate(() => (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.length);
}

export type InboundAudio = { codec: string; packetsReceived: number; packetsLost: number; energy: number };

/** The same of its audio. `energy` grows only with sound that is not silence. */
export function inboundAudio(page: Page): Promise<InboundAudio | undefined> {
  return page.evaluate(async () => {
    const connection = (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.at(-1);
    const reports = await connection?.getStats();
    for (const report of reports?.values() ?? []) {
      if (report.type !== 'inbound-rtp' || report.kind !== 'audio') continue;
      return {
        codec: reports?.get(report.codecId)?.mimeType ?? '',
        packetsReceived: report.packetsReceived ?? 0,
        packetsLost: report.packetsLost ?? 0,
        energy: report.totalAudioEnergy ?? 0,
      };
    }
    return undefined;
  });
}

/** Unmutes the page and waits until it hears something. */
export async function sound(page: Page, timeoutMs = 15_000): Promise<InboundAudio> {
  // Chromium decodes no sound that nobody listens to.
  await page.evaluate(() => {
    for (const video of document.querySelectorAll('video')) video.muted = false;
  });
  let stats: InboundAudio | undefined;
  await until(
    async () => {
      stats = await inboundAudio(page);
      return (stats?.energy ?? 0) > 1e-4;
    },
    timeoutMs,
    () => `no sound: ${JSON.stringify(stats)}`,
  );
  if (stats === undefined) throw new Error('no statistics');
  return stats;
}

/**
 * Plays a path in a page of the same origin by a bare WHEP client and measures, in the page, from the POST.
 * The connection stays until the page is closed.
 */
export function timeToFirstFrame(page: Page, path: string): Promise<{ answerMs: number; firstFrameMs: number }> {
  return page.evaluate(async (name) => {
    const video = document.createElement('video');
    video.muted = true;
    video.autoplay = true;
    document.body.append(video);
    const peer = new RTCPeerConnection();
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.addEventListener('track', ({ track }) => {
      video.srcObject = new MediaStream([track]);
    });
    const shown = new Promise<number>((resolve) => {
      video.requestVideoFrameCallback(() => resolve(performance.now()));
    });
    await peer.setLocalDescription(await peer.createOffer());
    const beganMs = performance.now();
    const response = await fetch(`/${name}/whep`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
    });
    const answer = await response.text();
    if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
    const answerMs = performance.now() - beganMs;
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    return { answerMs, firstFrameMs: (await shown) - beganMs };
  }, path);
}
