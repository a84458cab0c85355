import { STREAM, Telemetry } from '@shardcast/shared';
import { ConfigSchema } from '@shardcast/shared/config';
import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { FakeMedia, pathInfo, shardView } from '../../test/fake-media.ts';
import { testAlarms, testObserver } from '../../test/test-observer.ts';
import type { Observer, ProcessReading } from '../monitor/observer.ts';
import type { ShardView } from '../paths/media.ts';
import type { Alarms } from './alarms.ts';
import type { AlertPayload, Webhook } from './webhook.ts';

let media: FakeMedia;
let shards: ShardView[];
let observer: Observer;
let alarms: Alarms;
let nowMs: number;
let reading: ProcessReading;
let told: AlertPayload[];
let lines: Record<string, unknown>[];
/** What a stream does in a second. */
let second: Partial<Record<keyof typeof STREAM, number>>;

const CAMERAS = { paths: { cam: { source: 'rtsp://camera.example/1' }, door: {}, all_others: {} } };

function setUp(config: object = CAMERAS): void {
  media = new FakeMedia();
  shards = [shardView(0)];
  nowMs = 0;
  reading = { cpuSeconds: 0, rssBytes: 100e6, heapBytes: 10e6, activeResources: 10 };
  told = [];
  lines = [];
  second = { inboundPackets: 100, inboundBytes: 125_000, keyframes: 1 };
  observer = testObserver(media, () => shards, { clock: () => nowMs, read: () => reading, descriptors: () => 40 });
  alarms = testAlarms(observer, media, () => shards, {
    config: ConfigSchema.parse(config),
    clock: () => nowMs,
    webhooks: [{ send: (payload: AlertPayload) => void told.push(payload), close() {} } as unknown as Webhook],
    log: pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
  });
}
beforeEach(() => setUp());

function pass(seconds: number, cores = 0.1): void {
  for (let count = 0; count < seconds; count++) {
    nowMs += 1000;
    reading = { ...reading, cpuSeconds: reading.cpuSeconds + cores };
    for (const { slot, online } of media.infos) {
      if (!online || slot === undefined) continue;
      for (const [field, by] of Object.entries(second))
        shards[0]?.telemetry.add(Telemetry.streamBase(slot) + STREAM[field as keyof typeof STREAM], by);
    }
    observer.sample();
  }
}
const active = () => alarms.list().map(({ id, state }) => `${id} ${state}`);
const firing = () => active().filter((each) => each.endsWith('firing'));

test("the report's three alarms: CPU above 70 % says scale out, memory above 1 GB and 10,000 resources say leak", () => {
  pass(1, 1.5);
  pass(299, 1.5); // 75 % of two cores
  expect(firing()).toEqual([]);
  reading = { ...reading, rssBytes: 1.1 * 1024 ** 3, activeResources: 10_001 };
  pass(2, 1.5);
  expect(firing()).toEqual(['CpuHigh firing']);
  pass(300, 0.2);
  expect(firing()).toEqual(['MemoryHigh firing', 'ResourcesHigh firing']);
  const advice = lines.filter(({ msg }) => msg === 'alarm firing').map(({ advice: text }) => text);
  expect(advice.map((text) => /scale out|leak/.exec(String(text))?.[0])).toEqual(['scale out', 'leak', 'leak']);
  expect(told.flatMap(({ alerts }) => alerts.map(({ labels, status }) => `${labels['alertname']} ${status}`))).toEqual([
    'CpuHigh firing',
    'CpuHigh resolved',
    'MemoryHigh firing',
    'ResourcesHigh firing',
  ]);
});

test('a camera that is pulled is missed from the start, one that pushes once it was there, others never', () => {
  const offline = { online: false, source: undefined, reason: 'connection refused' };
  media.infos = [
    pathInfo('cam', { ...offline, confName: 'cam' }),
    pathInfo('door', { ...offline, confName: 'door', slot: 1 }),
    pathInfo('guest', { ...offline, slot: 2 }),
  ];
  pass(12);
  expect(firing()).toEqual(['CameraLost/cam firing']);
  expect(alarms.list()[0]).toMatchObject({ detail: 'connection refused', threshold: 10 });
  expect(alarms.list()[0]?.value).toBeGreaterThanOrEqual(10);
  media.infos = [pathInfo('cam', { confName: 'cam' }), pathInfo('door', { confName: 'door', slot: 1 })];
  pass(20);
  expect(firing()).toEqual([]);
  media.infos = [pathInfo('cam', { confName: 'cam' }), pathInfo('door', { ...offline, confName: 'door', slot: 1 })];
  pass(12);
  expect(firing()).toEqual(['CameraLost/door firing']);
});

test('loss, bitrate and keyframes are judged by the path’s own thresholds', () => {
  setUp({ paths: { lax: { alarmLossRatio: 0.5, alarmMinBitrate: 0, alarmKeyframeInterval: '0s' }, all_others: {} } });
  media.infos = [pathInfo('lax', { confName: 'lax' }), pathInfo('strict', { slot: 1 })];
  second = { inboundPackets: 10, inboundLost: 1, inboundBytes: 1000 };
  pass(60);
  expect(firing().sort()).toEqual([
    'BitrateLow/strict firing',
    'KeyframeIntervalHigh/strict firing',
    'LossHigh/strict firing',
  ]);
});

test('a stream without video is not missed its pictures', () => {
  media.infos = [pathInfo('radio', { tracks: [{ kind: 'audio', codec: 'OPUS', clockRate: 48_000 }] })];
  second = { inboundPackets: 50, inboundBytes: 3000 };
  pass(60);
  expect(active()).toEqual([]);
});

test('a worker that does not serve, or is full, is named', () => {
  shards = [shardView(0), shardView(1, { state: 'restarting' })];
  pass(12);
  expect(firing()).toEqual(['WorkerDown/1 firing']);
});

test('thresholds of another configuration hold at once, and off is off', () => {
  pass(310, 1);
  expect(active()).toEqual([]);
  alarms.reconfigure(ConfigSchema.parse({ alarms: { cpuRatio: '0.4', cpuFor: '5s' } }));
  pass(6, 1);
  expect(firing()).toEqual(['CpuHigh firing']);
  expect(alarms.rules().find(({ name }) => name === 'CpuHigh')).toMatchObject({
    threshold: 0.4,
    forSeconds: 5,
    enabled: true,
  });
  alarms.reconfigure(ConfigSchema.parse({ alarms: { enabled: 'off' } }));
  pass(16, 1);
  expect(firing()).toEqual([]);
  expect(alarms.rules().every(({ enabled }) => !enabled)).toBe(true);
});
