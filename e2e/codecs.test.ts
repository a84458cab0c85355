import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, movingPicture, sound } from './support/chromium.ts';
import { FfmpegPublisher, testPicture, x264 } from './support/ffmpeg.ts';
import { gstreamer, hasGstreamerElement, type TestProcess } from './support/process.ts';
import { type CameraOptions, RtspCamera } from './support/rtsp-camera.ts';
import { TestServer, until } from './support/server.ts';
import { WeriftViewer } from './support/werift-viewer.ts';

const CAMERAS = {
  unfragmented: { mtu: 60_000, size: '640x480', kbps: 6000, pattern: 'smpte', transport: 'tcp' },
  'out-of-band': { outOfBand: true },
  high: { profile: 'high' },
  opus: { audio: 'opus' },
  pcmu: { audio: 'pcmu' },
  pcma: { audio: 'pcma' },
  aac: { audio: 'aac' },
  h265: { codec: 'h265', fps: 10, kbps: 300 },
  jpeg: { codec: 'jpeg', fps: 5 },
} as const satisfies Record<string, CameraOptions>;

let server: TestServer;
let browser: Browser;
const cameras: RtspCamera[] = [];

beforeAll(async () => {
  const sources = await Promise.all(
    Object.entries(CAMERAS).map(async ([name, options]) => {
      const camera = await RtspCamera.start(options);
      cameras.push(camera);
      return `  ${name}:\n    source: ${camera.url()}\n`;
    }),
  );
  server = await TestServer.start({ config: `paths:\n${sources.join('')}  all_others:\n` });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await Promise.all(cameras.map((camera) => camera.kill()));
});

async function watch(path: string) {
  await server.online(path);
  const page = await browser.open(`${server.web}/${path}`);
  const stats = await movingPicture(page);
  expect(stats.packetsLost).toBe(0);
  return { page, stats };
}

/** Mean size of the packets that the source sends, bytes. */
async function packetSize(path: string): Promise<number> {
  const metrics = await server.metrics();
  const sum = (what: string) => metrics.sum(`shardcast_stream_inbound_${what}_total`, { path });
  return sum('bytes') / sum('packets');
}

/** `online` fails with the server's log; what the encoder says is wanted too. */
async function watchPushed(path: string, publisher: TestProcess, width: number): Promise<number> {
  try {
    const { page, stats } = await watch(path);
    expect(stats.frameWidth).toBe(width);
    await page.close();
    return await packetSize(path);
  } catch (error) {
    throw new Error(`${path}: ${publisher.log.slice(-1000)}`, { cause: error });
  } finally {
    await publisher.stop();
  }
}

const PUSHED: readonly { what: string; path: string; size: string; output: string[]; transport?: 'tcp' | 'udp' }[] = [
  {
    what: 'SPS and PPS in the SDP only',
    path: 'sets-in-sdp',
    size: '640x360',
    output: x264({ more: ['-flags', '+global_header'] }),
  },
  {
    what: 'SPS and PPS before each keyframe',
    path: 'sets-in-band',
    size: '640x360',
    output: x264({ more: ['-bsf:v', 'dump_extra'] }),
  },
  {
    what: 'keyframes of hundreds of packets',
    path: 'big',
    size: '1920x1080',
    output: x264({ keyframes: 25, bitrate: '12M', more: ['-pkt_size', '1400'] }),
  },
  {
    what: 'packets larger than the path’s MTU',
    path: 'jumbo',
    size: '1280x720',
    output: x264({ keyframes: 25, bitrate: '6M', more: ['-pkt_size', '8000'] }),
  },
  {
    what: 'eight slices a picture',
    path: 'slices',
    size: '640x360',
    output: x264({ more: ['-x264-params', 'slices=8'] }),
  },
  { what: 'High profile', path: 'high-push', size: '640x360', output: x264({ profile: 'high' }) },
  { what: 'Main profile', path: 'main-push', size: '640x360', output: x264({ profile: 'main' }) },
  {
    what: 'packetization-mode 0',
    path: 'mode-0',
    size: '640x360',
    output: x264({ more: ['-x264-params', 'slice-max-size=1200', '-rtpflags', 'h264_mode0'] }),
  },
];

for (const { what, path, size, output, transport = 'tcp' } of PUSHED) {
  test(`Chromium decodes H.264 with ${what}`, async () => {
    const publisher = new FfmpegPublisher(`${server.rtsp}/${path}`, { transport, input: testPicture(size), output });
    const meanBytes = await watchPushed(path, publisher, Number(size.split('x')[0]));
    if (path === 'jumbo') expect(meanBytes).toBeGreaterThan(2000);
  });
}

test('Chromium decodes a camera that does not split its NAL units at all', async () => {
  const { page, stats } = await watch('unfragmented');
  expect(stats.frameWidth).toBe(640);
  expect(await packetSize('unfragmented')).toBeGreaterThan(2000);
  expect((await server.metrics()).sum('shardcast_packets_dropped_total', { reason: 'too-big' })).toBe(0);
  await page.close();
});

test('Chromium decodes a camera that has its parameter sets in the SDP only', async () => {
  await (await watch('out-of-band')).page.close();
});

test('Chromium decodes a High profile camera', async () => {
  await (await watch('high')).page.close();
});

test.skipIf(!hasGstreamerElement('rtspclientsink'))(
  'Chromium decodes what GStreamer’s rtspclientsink pushes',
  async () => {
    const publisher = gstreamer(
      `videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=480,framerate=25/1 ! x264enc tune=zerolatency
     speed-preset=ultrafast key-int-max=25 ! video/x-h264,profile=constrained-baseline ! rtspclientsink protocols=tcp location=${server.rtsp}/gstreamer`,
    );
    await watchPushed('gstreamer', publisher, 640);
  },
);

for (const [path, codec, name] of [
  ['opus', 'audio/opus', 'Opus'],
  ['pcmu', 'audio/PCMU', 'G.711 µ-law'],
  ['pcma', 'audio/PCMA', 'G.711 A-law'],
] as const) {
  test(`Chromium hears ${name} along with the picture`, async () => {
    const { page } = await watch(path);
    const heard = await sound(page);
    expect(heard.codec).toBe(codec);
    expect(heard.packetsLost).toBe(0);
    await page.close();
  });
}

test('Chromium hears the Opus that ffmpeg pushes', async () => {
  const publisher = new FfmpegPublisher(`${server.rtsp}/push-opus`, {
    input: [...testPicture('640x360'), '-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'],
    output: [...x264({}), '-c:a', 'libopus', '-ac', '2', '-b:a', '64k'],
  });
  try {
    const { page } = await watch('push-opus');
    expect((await sound(page)).codec).toBe('audio/opus');
    await page.close();
  } finally {
    await publisher.stop();
  }
});

test('AAC is skipped, in the API and in the log, and the picture comes all the same', async () => {
  const { page } = await watch('aac');
  await page.close();
  const path = await server.path('aac');
  expect(path?.tracks).toEqual(['H264']);
  expect(path?.skippedTracks).toMatchObject([{ kind: 'audio', codec: expect.stringMatching(/mpeg4-generic/i) }]);
  expect(path?.skippedTracks[0]?.skipped).toMatch(/AAC/);
  const line = server.logLines().find(({ msg, path: name }) => msg === 'track skipped' && name === 'aac');
  expect(line).toMatchObject({ level: 'warn', reason: expect.stringMatching(/AAC/) });
});

test('H.265 passes through, parameter sets and keyframes included', async () => {
  await server.online('h265');
  const viewer = await WeriftViewer.play(`${server.web}/h265/whep`, { mimeType: 'video/H265' });
  try {
    expect(viewer.answer).toMatch(/^a=rtpmap:98 H265\/90000\r$/m);
    const types = new Set<number>();
    await until(
      () => {
        for (const payload of viewer.payloads) for (const type of nalTypes(payload)) types.add(type);
        return [VPS, SPS, PPS].every((type) => types.has(type)) && viewer.payloads.length > 20;
      },
      10_000,
      () => `${viewer.payloads.length} packets, NAL unit types ${[...types]}`,
    );
    expect(
      [...types].some((type) => type >= 16 && type <= 21),
      'a random access picture',
    ).toBe(true);
    expect(
      [...types].some((type) => type <= 9),
      'pictures after it',
    ).toBe(true);
  } finally {
    await viewer.close();
  }
});

test('a browser without H.265 is refused with the reason, and plays it where it can', async () => {
  const page = await browser.open(`${server.web}/`);
  const result = await page.evaluate(async () => {
    const peer = new RTCPeerConnection();
    peer.addTransceiver('video', { direction: 'recvonly' });
    const { sdp = '' } = await peer.createOffer();
    const response = await fetch('/h265/whep', {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: sdp,
    });
    return { canPlay: /H265\/90000/.test(sdp), status: response.status, body: await response.text() };
  });
  if (result.canPlay) expect(result.status).toBe(201);
  else {
    expect(result.status).toBe(422);
    expect(JSON.parse(result.body)).toMatchObject({ code: 'SDP_UNACCEPTABLE', detail: expect.stringMatching(/codec/) });
  }
  await page.close();
});

test('a camera with nothing that browsers play stays offline, and the API says why', async () => {
  await until(
    async () => /JPEG/.test((await server.path('jpeg'))?.reason ?? ''),
    10_000,
    () => server.log.slice(-1500),
  );
  expect((await server.path('jpeg'))?.online).toBe(false);
});

const VPS = 32;
const SPS = 33;
const PPS = 34;
const AP = 48;
const FU = 49;

/** Of an H.265 payload (RFC 7798 §4.4). */
function nalTypes(payload: Buffer): number[] {
  const type = ((payload[0] ?? 0) >> 1) & 0x3f;
  if (type === FU) return [(payload[2] ?? 0) & 0x3f];
  if (type !== AP) return [type];
  const types: number[] = [];
  for (let at = 2; at + 2 < payload.length; at += 2 + payload.readUInt16BE(at))
    types.push(((payload[at + 2] ?? 0) >> 1) & 0x3f);
  return types;
}
