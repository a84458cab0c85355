import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FfmpegPublisher, testPicture, x264 } from './support/ffmpeg.ts';
import { TestServer } from './support/server.ts';

const WAIT = { timeout: 20_000, interval: 250 };

type Examination = {
  readonly tracks: readonly Record<string, unknown>[];
  readonly findings: readonly { readonly code: string; readonly severity: string; readonly message: string }[];
};

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({
    config: 'paths: {all_others: {}, away: {source: "rtsp://127.0.0.1:1/nobody"}}\n',
  });
});
afterAll(() => server?.stop());

const examine = async (path: string): Promise<Examination> =>
  (await (await fetch(`${server.api}/v3/paths/doctor/${path}`)).json()) as Examination;
const codes = ({ findings }: Examination) => findings.map(({ code }) => code);

test('a good camera is described and has nothing wrong with it', async () => {
  const camera = new FfmpegPublisher(`${server.rtsp}/good`);
  try {
    await server.online('good');
    await vi.waitFor(async () => {
      const examination = await examine('good');
      expect(examination.tracks[0]).toMatchObject({ framesPerKeyframe: 50, framesPerSecond: expect.closeTo(25, 0) });
      expect(examination.findings).toEqual([]);
    }, WAIT);
    expect((await examine('good')).tracks).toMatchObject([
      {
        kind: 'video',
        codec: 'H264',
        profile: 'Constrained Baseline',
        width: 640,
        height: 360,
        declaredFramesPerSecond: 25,
        keyframeIntervalSeconds: 2,
        bFrames: false,
        lostShare: 0,
        browsers: { chrome: { plays: 'yes' }, firefox: { plays: 'yes' }, safari: { plays: 'yes' } },
      },
    ]);
  } finally {
    await camera.stop();
  }
});

test('B-frames and a long GOP are named, with what to do', async () => {
  const camera = new FfmpegPublisher(`${server.rtsp}/bad`, {
    input: testPicture('320x240'),
    output: [
      '-c:v',
      'libx264',
      '-preset',
      'veryfast',
      '-bf',
      '2',
      '-b_strategy',
      '0',
      '-g',
      '375',
      '-pix_fmt',
      'yuv420p',
    ],
  });
  try {
    await server.online('bad');
    await vi.waitFor(async () => expect(codes(await examine('bad'))).toContain('b-frames'), WAIT);
    expect((await examine('bad')).tracks[0]).toMatchObject({ bFrames: true, browsers: { chrome: { plays: 'badly' } } });
  } finally {
    await camera.stop();
  }
});

test('a profile that no browser decodes is named', async () => {
  const camera = new FfmpegPublisher(`${server.rtsp}/ten-bit`, {
    input: testPicture('320x240'),
    output: x264({ profile: 'high' }).map((argument) =>
      argument === 'high' ? 'high422' : argument === 'yuv420p' ? 'yuv422p' : argument,
    ),
  });
  try {
    await server.online('ten-bit');
    await vi.waitFor(async () => expect(codes(await examine('ten-bit'))).toContain('profile'), WAIT);
  } finally {
    await camera.stop();
  }
});

test('a camera that is away says why, and what to do', async () => {
  await vi.waitFor(async () => {
    const { findings } = await examine('away');
    expect(findings).toMatchObject([{ severity: 'problem', code: 'offline', message: 'connection refused' }]);
  }, WAIT);
  expect((await fetch(`${server.api}/v3/paths/doctor/nobody`)).status).toBe(404);
});
