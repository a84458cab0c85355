import { Browser, movingPicture } from '../../../e2e/support/chromium.ts';
import { FfmpegPublisher } from '../../../e2e/support/ffmpeg.ts';
import { ffmpegHasMuxer, gstreamer, hasGstreamerElement } from '../../../e2e/support/process.ts';
import { RtspCamera } from '../../../e2e/support/rtsp-camera.ts';
import { TestServer, until } from '../../../e2e/support/server.ts';
import type { Attack, Finding } from '../attack.ts';

const ROUNDS = 20;
const CLIP = new URL('../../../packages/signaling/assets/demo.h264', import.meta.url).pathname;

type Client = { readonly name: string; readonly isHere: boolean; readonly round: (index: number) => Promise<void> };

/** Online, and gone again. */
async function published(server: TestServer, path: string, stop: () => Promise<unknown>): Promise<void> {
  try {
    await server.online(path);
  } finally {
    await stop();
  }
}

function clients(server: TestServer, browser: Browser, camera: RtspCamera): Client[] {
  return [
    {
      name: 'Chromium WHEP',
      isHere: true,
      async round() {
        const page = await browser.open(`${server.web}/clip`);
        try {
          await movingPicture(page);
        } finally {
          await page.close();
        }
      },
    },
    {
      name: 'Chromium WHIP',
      isHere: true,
      async round(index) {
        const page = await browser.open(`${server.web}/browser${index}/publish`);
        await page.click('#start');
        await published(server, `browser${index}`, () => page.close());
      },
    },
    {
      name: 'ffmpeg RTSP/TCP',
      isHere: true,
      async round(index) {
        const publisher = new FfmpegPublisher(`${server.rtsp}/tcp${index}`);
        await published(server, `tcp${index}`, () => publisher.stop());
      },
    },
    {
      name: 'ffmpeg RTSP/UDP',
      isHere: true,
      async round(index) {
        const publisher = new FfmpegPublisher(`${server.rtsp}/udp${index}`, { transport: 'udp' });
        await published(server, `udp${index}`, () => publisher.stop());
      },
    },
    {
      name: 'GStreamer RTSP pulled',
      isHere: true,
      async round(index) {
        const path = `${server.api}/v3/config/paths`;
        const name = `pulled${index}`;
        await fetch(`${path}/add/${name}`, { method: 'POST', body: JSON.stringify({ source: camera.url() }) });
        await published(server, name, () => fetch(`${path}/delete/${name}`, { method: 'DELETE' }));
      },
    },
    {
      name: 'ffmpeg WHIP',
      isHere: ffmpegHasMuxer('whip'),
      async round(index) {
        const publisher = new FfmpegPublisher(`${server.web}/whip${index}/whip`, { format: 'whip' });
        await published(server, `whip${index}`, () => publisher.stop());
      },
    },
    {
      name: 'GStreamer WHIP',
      isHere: hasGstreamerElement('whipclientsink'),
      async round(index) {
        const url = `${server.web}/gst${index}/whip`;
        const publisher = gstreamer(`videotestsrc is-live=true ! whipclientsink signaller::whip-endpoint=${url}`);
        await published(server, `gst${index}`, () => publisher.stop());
      },
    },
  ];
}

async function interoperability(share: number): Promise<Finding> {
  const rounds = Math.max(1, Math.round(ROUNDS * share));
  const [server, browser, camera] = await Promise.all([
    TestServer.start({ config: `paths:\n  clip: { source: 'file:${CLIP}' }\n  all_others: {}\n` }),
    Browser.launch(),
    RtspCamera.start(),
  ]);
  const told: string[] = [];
  let isMet = true;
  try {
    await until(
      async () => (await server.path('clip'))?.online === true,
      10_000,
      () => 'the clip is not online',
    );
    for (const { name, isHere, round } of clients(server, browser, camera)) {
      if (!isHere) {
        told.push(`${name} is not installed`);
        continue;
      }
      let passed = 0;
      for (let index = 0; index < rounds; index++) {
        try {
          await round(index);
          passed++;
        } catch (error) {
          console.error(`I1: ${name}: ${error instanceof Error ? error.message.slice(0, 300) : error}`);
        }
      }
      told.push(`${name} ${passed}`);
      isMet &&= passed === rounds;
    }
  } finally {
    await Promise.all([browser.close(), server.stop(), camera.kill()]);
  }
  return { figure: `of ${rounds} each: ${told.join(', ')}`, isMet };
}

/** Real clients, again and again. */
export const CLIENT_ATTACKS: readonly Attack[] = [
  {
    id: 'I1',
    goal: 'every real client that is installed: 20 of 20',
    isLong: true,
    run: ({ scale }) => interoperability(scale.share),
  },
];
