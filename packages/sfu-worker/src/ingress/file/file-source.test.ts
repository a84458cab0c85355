import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { FakeInlet, FakeLog } from '../../../test/rtsp/fake-inlet.ts';
import { FileSource } from './file-source.ts';

const DEMO = fileURLToPath(new URL('../../../../signaling/assets/demo.h264', import.meta.url));
const START_MS = 1_700_000_000_000;

afterEach(() => void vi.useRealTimers());

/** A playing file whose time passes with `advance` alone. */
async function start(file = DEMO) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: START_MS });
  const inlet = new FakeInlet('demo');
  const faults: unknown[] = [];
  const source = new FileSource({
    file,
    inlet,
    log: new FakeLog(),
    maxPayloadBytes: 1200,
    clock: () => Date.now(),
    onFault: (error) => faults.push(error),
  });
  await source.start();
  return { inlet, source, faults, advance: (ms: number) => vi.advanceTimersByTime(ms) };
}

test('a clip is offered with its profile, and played in its own time with the sound beside it', async () => {
  const { inlet, source, advance } = await start();
  const [opened] = inlet.sources;
  expect(opened?.description.tracks.map(({ codec }) => codec.name)).toEqual(['H264', 'OPUS']);
  expect(opened?.description.tracks[0]?.codec.fmtp).toMatch(/profile-level-id=[0-9a-f]{6}$/);
  advance(1000);
  const [video, audio] = inlet.tracks;
  expect(audio?.packets).toBeGreaterThanOrEqual(50);
  expect(audio?.packets).toBeLessThanOrEqual(51);
  expect(video?.packets).toBeGreaterThanOrEqual(25);
  const steps = video?.sequences.slice(1).map((sequence, n) => (sequence - (video.sequences[n] ?? 0)) & 0xffff);
  expect(new Set(steps)).toEqual(new Set([1]));
  source.close('over');
  expect(opened?.closed).toBe('over');
  const before = video?.packets;
  advance(1000);
  expect(video?.packets).toBe(before);
});

test('a stream that closes it is not called back', async () => {
  const { inlet, source, advance } = await start();
  const [opened] = inlet.sources;
  opened?.upstream.close('taken over');
  advance(1000);
  source.close('again');
  expect(opened?.closed).toBeUndefined();
  expect(inlet.tracks[0]?.packets).toBe(0);
});

test('a bug in what is done with its packets is told of', async () => {
  const { inlet, source, faults, advance } = await start();
  inlet.bug = new TypeError('planted');
  advance(100);
  expect(faults[0]).toBe(inlet.bug);
  source.close('over');
});

test('a file without pictures cannot be played', async () => {
  await expect(start(fileURLToPath(import.meta.url))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
