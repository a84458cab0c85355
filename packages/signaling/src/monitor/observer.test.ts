import { STREAM, Telemetry, WORKER } from '@shardcast/shared';
import { beforeEach, expect, test, vi } from 'vitest';
import { FakeMedia, pathInfo, shardView } from '../../test/fake-media.ts';
import { EPOCH_SECONDS, testObserver } from '../../test/test-observer.ts';
import type { ShardView } from '../paths/media.ts';
import type { Observer } from './observer.ts';

let media: FakeMedia;
let shards: ShardView[];
let observer: Observer;
let nowMs = 0;
let cpuSeconds = 0;

beforeEach(() => {
  media = new FakeMedia();
  shards = [shardView(0, { fastPath: 'native' }), shardView(1, { fastPath: 'native' })];
  nowMs = 0;
  cpuSeconds = 0;
  observer = testObserver(media, () => shards, {
    clock: () => nowMs,
    unixMs: () => EPOCH_SECONDS * 1000 + nowMs,
    read: () => ({ cpuSeconds, rssBytes: 200e6, heapBytes: 10e6, activeResources: 10 }),
  });
});

const add = (worker: number, slot: number, field: keyof typeof STREAM, by: number) =>
  shards[worker]?.telemetry.add(Telemetry.streamBase(slot) + STREAM[field], by);
const set = (worker: number, field: keyof typeof WORKER, value: number) => {
  const { counters } = shards[worker]?.telemetry ?? {};
  if (counters !== undefined) counters[WORKER[field]] = value;
};

/** `seconds` of a stream of 100 packets/s and 1 Mbit/s to each of its viewers. */
function play(seconds: number, { slot = 0, viewers = 1, lost = 0, cpu = 0.01 } = {}): void {
  for (let second = 0; second < seconds; second++) {
    nowMs += 1000;
    cpuSeconds += cpu * 2;
    add(0, slot, 'inboundPackets', 100 - lost);
    add(0, slot, 'inboundLost', lost);
    add(0, slot, 'inboundBytes', 125_000);
    add(0, slot, 'outboundPackets', 100 * viewers);
    add(0, slot, 'outboundBytes', 125_000 * viewers);
    add(0, slot, 'cpuSeconds', cpu);
    shards[0]?.telemetry.add(WORKER.cpuSeconds, cpu);
    observer.sample();
  }
}

test('a stream’s rates are those of the last ten seconds', () => {
  media.infos = [pathInfo('cam', { readers: 3 })];
  observer.sample();
  play(20, { viewers: 3, lost: 5 });
  const stats = observer.stream(pathInfo('cam', { readers: 3 }));
  expect(stats?.inboundBitrate).toBeCloseTo(1e6);
  expect(stats?.outboundBitrate).toBeCloseTo(3e6);
  expect(stats?.lossRatio).toBeCloseTo(0.05);
  expect(stats?.cpuCores).toBeCloseTo(0.01);
  // A packet in costs 3.2 of those out: 300 of 300 + 95 x 3.2 is the viewers'.
  expect(stats?.cpuCoresPerViewer).toBeCloseTo((0.01 * 300) / (300 + 95 * 3.2) / 3);
  expect(observer.overview).toMatchObject({ streams: 1, viewers: 3, paths: 1, rssBytes: 200e6, fileDescriptors: 40 });
  expect(observer.overview.cpuCores).toBeCloseTo(0.02);
  expect(observer.overview.cpuRatio).toBeCloseTo(0.01);
  expect(observer.overview.lossRatio).toBeCloseTo(0.05);
  expect(observer.overview.outboundBitrate).toBeCloseTo(3e6);
  expect(observer.workerCores(0)).toBeCloseTo(0.01);
  const { series, times } = observer.history.stream('cam', { step: '1s' }) ?? {};
  expect(times?.at(-1)).toBe(EPOCH_SECONDS + 19);
  expect(series?.['inboundBitrate']?.at(-1)).toBeCloseTo(1e6);
  expect(series?.['viewers']?.at(-1)).toBe(3);
});

test('in another slot a stream begins anew: counters of its last one are not its own', () => {
  media.infos = [pathInfo('cam')];
  observer.sample();
  play(5);
  add(0, 7, 'inboundBytes', 1e9);
  media.infos = [pathInfo('cam', { slot: 7 })];
  expect(observer.stream(pathInfo('cam', { slot: 7 }))).toBeUndefined();
  nowMs += 1000;
  observer.sample();
  expect(observer.stream(pathInfo('cam', { slot: 7 }))?.inboundBitrate).toBe(0);
});

test('memory above that of the empty worker is shared out by streams and viewers, each cache to its own stream', () => {
  set(0, 'heapBytes', 10e6);
  observer.sample();
  media.infos = [pathInfo('a', { readers: 0 }), pathInfo('b', { slot: 1, readers: 10 })];
  set(0, 'heapBytes', 12e6);
  set(0, 'externalBytes', 3e6);
  set(0, 'streams', 2);
  add(0, 0, 'cacheBytes', 1e6);
  play(1);
  const [a, b] = media.infos.map((info) => observer.stream(info));
  expect((a?.memoryBytes ?? 0) + (b?.memoryBytes ?? 0)).toBeCloseTo(5e6);
  expect(a?.keyframeCacheBytes).toBe(1e6);
  expect((b?.memoryBytes ?? 0) - ((a?.memoryBytes ?? 0) - 1e6)).toBeCloseTo(10 * (b?.memoryBytesPerViewer ?? 0));
});

test('a path without a worker, or that ended, has no figures', () => {
  media.infos = [pathInfo('cam')];
  observer.sample();
  play(2);
  expect(observer.stream(pathInfo('cam', { worker: undefined, slot: undefined }))).toBeUndefined();
  media.infos = [];
  play(1);
  expect(observer.stream(pathInfo('cam'))).toBeUndefined();
  expect(observer.overview.streams).toBe(0);
});

test('seconds since a keyframe are counted from when it was seen', () => {
  media.infos = [pathInfo('cam')];
  observer.sample();
  add(0, 0, 'keyframes', 1);
  play(1);
  play(4);
  expect(observer.stream(pathInfo('cam'))?.secondsSinceKeyframe).toBe(4);
});

test('each second of the history has a sample, though timers come late, or a little early', () => {
  let next: { readonly run: () => void; readonly atMs: number } | undefined;
  vi.stubGlobal('setTimeout', (run: () => void, waitMs: number) => {
    next = { run, atMs: nowMs + waitMs };
  });
  nowMs = 730;
  observer.start();
  for (const lateMs of [0, 450, -1, 300, 499, 0, -1, -1, 20, 160, 480]) {
    if (next === undefined) throw new Error('it waits for nothing');
    nowMs = next.atMs + lateMs;
    next.run();
  }
  vi.unstubAllGlobals();
  const { times, series } = observer.history.overview({ step: '1s', series: ['rssBytes'] });
  expect(times).toHaveLength(10);
  expect(series['rssBytes']).not.toContain(null);
});
