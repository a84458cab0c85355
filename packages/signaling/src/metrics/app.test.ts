import { HISTOGRAM_BUCKETS, Telemetry, WORKER } from '@shardcast/shared';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authorise } from '../../test/default-authorise.ts';
import { FakeMedia, pathInfo, shardView } from '../../test/fake-media.ts';
import { parseExposition } from '../../test/parse-exposition.ts';
import { testMonitoring } from '../../test/test-observer.ts';
import { type HttpDoor, listenHttp } from '../http/server.ts';
import type { ShardView } from '../paths/media.ts';
import { createMetricsApp } from './app.ts';
import { createMetrics, type Metrics } from './metrics.ts';

let media: FakeMedia;
let shards: ShardView[];
let metrics: Metrics;
let door: HttpDoor;

beforeEach(async () => {
  media = new FakeMedia();
  shards = [shardView(0), shardView(1)];
  const monitoring = testMonitoring(media, () => shards);
  metrics = createMetrics({ shards: () => shards, media, ...monitoring });
  const app = createMetricsApp({ metrics, media, shards: () => shards, authorise, log: pino({ level: 'silent' }) });
  door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
});
afterEach(() => door.close(0));

const scrape = async (query = '') => (await fetch(`http://127.0.0.1:${door.port}/metrics${query}`)).text();

/** Every name that dashboards and alarms rely on. */
const NAMES: Readonly<Record<string, string>> = {
  worker_cpu_seconds_total: 'counter',
  worker_event_loop_utilization_ratio: 'gauge',
  worker_event_loop_lag_seconds: 'gauge',
  worker_heap_bytes: 'gauge',
  worker_external_bytes: 'gauge',
  worker_active_resources: 'gauge',
  worker_restarts_total: 'counter',
  worker_sessions: 'gauge',
  worker_streams: 'gauge',
  pool_slots: 'gauge',
  stream_readers: 'gauge',
  stream_inbound_packets_total: 'counter',
  stream_outbound_packets_total: 'counter',
  stream_inbound_bytes_total: 'counter',
  stream_outbound_bytes_total: 'counter',
  stream_inbound_lost_total: 'counter',
  stream_cpu_seconds_total: 'counter',
  rtcp_packets_total: 'counter',
  srtp_rejected_total: 'counter',
  stun_rejected_total: 'counter',
  packets_dropped_total: 'counter',
  session_setup_seconds: 'histogram',
  first_frame_seconds: 'histogram',
  forward_latency_seconds: 'histogram',
  admission_rejected_total: 'counter',
  fast_path_info: 'gauge',
  worker_up: 'gauge',
  process_cpu_seconds_total: 'counter',
  process_cpu_ratio: 'gauge',
  process_resident_memory_bytes: 'gauge',
  process_heap_bytes: 'gauge',
  process_active_resources: 'gauge',
  process_open_fds: 'gauge',
  process_max_fds: 'gauge',
  process_cpu_limit_cores: 'gauge',
  process_memory_limit_bytes: 'gauge',
  stream_up: 'gauge',
  stream_viewer_cpu_cores: 'gauge',
  stream_memory_bytes: 'gauge',
  stream_viewer_memory_bytes: 'gauge',
  stream_keyframe_age_seconds: 'gauge',
  alarms: 'gauge',
  capacity_streams: 'gauge',
  capacity_viewers: 'gauge',
};

test('every promised metric is there, with HELP and its TYPE', async () => {
  const text = await scrape();
  for (const [name, type] of Object.entries(NAMES)) {
    expect(text).toMatch(new RegExp(`^# HELP shardcast_${name} \\S`, 'm'));
    expect(text).toContain(`# TYPE shardcast_${name} ${type}\n`);
  }
  expect(text).toContain('process_cpu_user_seconds_total');
  expect(text).toContain('nodejs_heap_size_used_bytes');
});

test('an independent parser reads every line, whatever paths are called', async () => {
  media.infos = ['cam', 'a\\b', 'with "quotes"', 'é/ü'].map((name, slot) => pathInfo(name, { slot }));
  const families = parseExposition(await scrape());
  expect(families.get('shardcast_stream_readers')?.samples.map(({ labels }) => labels['path'])).toEqual(
    media.infos.map(({ name }) => name),
  );
  for (const [name, { type, help, samples }] of families) {
    expect([name, type === 'untyped', help === ''], name).toEqual([name, false, false]);
    const series = samples.map((sample) => sample.name + JSON.stringify(sample.labels));
    expect(new Set(series).size, name).toBe(series.length);
    if (type === 'counter' && name.startsWith('shardcast_')) expect(name).toMatch(/_total$/);
    if (type !== 'histogram') continue;
    for (const bucket of samples.filter((sample) => sample.labels['le'] === '+Inf'))
      expect(
        samples.find((sample) => sample.name === `${name}_count` && sample.labels['worker'] === bucket.labels['worker'])
          ?.value,
      ).toBe(bucket.value);
  }
});

test('counters show what the workers wrote, when scraped', async () => {
  const counters = shards[1]?.telemetry.counters ?? new Float64Array();
  counters[WORKER.poolSlotsUsed] = 7;
  counters[WORKER.srtpRejectedReplay] = 3;
  counters[WORKER.cpuSeconds] = 1.5;
  const text = await scrape();
  expect(text).toContain('shardcast_pool_slots{worker="1",state="used"} 7\n');
  expect(text).toContain('shardcast_srtp_rejected_total{worker="1",reason="replay"} 3\n');
  expect(text).toContain('shardcast_worker_cpu_seconds_total{worker="0"} 0\n');
  expect(text).toContain('shardcast_worker_cpu_seconds_total{worker="1"} 1.5\n');
  expect(text).toContain('shardcast_worker_event_loop_utilization_ratio{worker="0"} 0.25\n');
  expect(text).toContain('shardcast_fast_path_info{worker="0",path="portable"} 1\n');
});

test('a stream’s counters come from its slot in its worker', async () => {
  media.infos = [
    pathInfo('live/cam', { worker: 1, slot: 5 }),
    pathInfo('unplaced', { worker: undefined, slot: undefined }),
  ];
  const telemetry = shards[1]?.telemetry;
  if (telemetry !== undefined) telemetry.counters[Telemetry.streamBase(5)] = 42; // inboundPackets comes first
  const text = await scrape();
  expect(text).toContain('shardcast_stream_inbound_packets_total{worker="1",path="live/cam"} 42\n');
  expect(text).not.toContain('unplaced');
});

test('histograms are cumulative and add up', async () => {
  const telemetry = shards[0]?.telemetry;
  for (const seconds of [0.003, 0.003, 0.3, 99]) telemetry?.observe('sessionSetup', seconds);
  const text = await scrape();
  const bucket = (le: string) => `shardcast_session_setup_seconds_bucket{le="${le}",worker="0"}`;
  expect(text).toContain(`${bucket('0.005')} 2\n`);
  expect(text).toContain(`${bucket('0.25')} 2\n`);
  expect(text).toContain(`${bucket('0.5')} 3\n`);
  expect(text).toContain(`${bucket('+Inf')} 4\n`);
  expect(text).toContain('shardcast_session_setup_seconds_count{worker="0"} 4\n');
  expect(text).toMatch(/shardcast_session_setup_seconds_sum\{worker="0"\} 99\.30/);
  const buckets = text
    .split('\n')
    .filter((line) => line.startsWith('shardcast_session_setup_seconds_bucket{') && line.includes('worker="0"'));
  expect(buckets).toHaveLength(HISTOGRAM_BUCKETS.sessionSetup.length + 1);
});

test('refusals are counted by reason', async () => {
  metrics.rejections.count('NO_WORKER_CAPACITY');
  expect(await scrape()).toContain('shardcast_admission_rejected_total{reason="NO_WORKER_CAPACITY"} 1\n');
});

test('labels are worker, path and fixed words only', async () => {
  media.infos = [pathInfo('cam')];
  media.sessionInfos = [
    {
      id: 'public',
      kind: 'whep',
      path: 'cam',
      state: 'connected',
      worker: 0,
      createdAt: new Date(),
      remoteAddr: '192.0.2.9',
    },
  ];
  const text = await scrape();
  expect(text).not.toContain('192.0.2.9');
  expect(text).not.toContain('public');
  const labels = new Set(
    [...text.matchAll(/^shardcast_\w+\{(.*)\}/gm)].flatMap((line) =>
      [...(line[1] ?? '').matchAll(/(\w+)="/g)].map((label) => label[1]),
    ),
  );
  expect([...labels].sort()).toEqual(['direction', 'engine', 'le', 'path', 'reason', 'state', 'worker']);
});

test('MediaMTX’s names on request', async () => {
  expect(await scrape('?format=mediamtx')).toBe('paths 0\nwebrtc_sessions 0\nrtsp_sessions 0\n');
  media.infos = [pathInfo('cam', { readers: 2 })];
  media.sessionInfos = [
    { id: 'p', kind: 'whep', path: 'cam', state: 'connected', worker: 0, createdAt: new Date(), remoteAddr: '' },
  ];
  const text = await scrape('?format=mediamtx');
  expect(text).toContain('paths{name="cam",state="ready"} 1\npaths_readers{name="cam",state="ready"} 2\n');
  expect(text).toContain('webrtc_sessions{id="p",path="cam",state="read"} 1\n');
});

test('only from the same host, and nothing else is there', async () => {
  const url = `http://127.0.0.1:${door.port}`;
  expect((await fetch(`${url}/metrics`, { headers: { 'X-Forwarded-For': '192.0.2.1' } })).status).toBe(403);
  expect((await fetch(`${url}/`)).status).toBe(404);
});
