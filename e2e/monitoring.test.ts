import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ConfigSchema } from '@shardcast/shared/config';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseExposition } from '../packages/signaling/test/parse-exposition.ts';
import { type Metrics, TestServer, until } from './support/server.ts';
import { WeriftViewer } from './support/werift-viewer.ts';

const CLIP = fileURLToPath(new URL('../packages/signaling/assets/demo.h264', import.meta.url));
const H264 = {
  mimeType: 'video/H264',
  parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
};
const STREAMS = ['a', 'b', 'c', 'd'];
const WINDOW_MS = 8000;
const read = (name: string) => readFileSync(new URL(`../deploy/${name}`, import.meta.url), 'utf8');

type AlertRule = {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { runbook_url?: string };
};
const { groups } = parse(read('prometheus/alerts.yml')) as { groups: { rules: AlertRule[] }[] };
const rules = groups.flatMap(({ rules: each }) => each);
type Payload = { version: string; status: string; alerts: { status: string; labels: Record<string, string> }[] };

let server: TestServer;
let viewers: WeriftViewer[] = [];
const heard: Payload[] = [];
const receiver = createServer((req, res) => {
  let body = '';
  req.setEncoding('utf8').on('data', (text: string) => {
    body += text;
  });
  req.on('end', () => {
    heard.push(JSON.parse(body));
    res.end();
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  server = await TestServer.start({
    flags: {
      workers: '2',
      alarmsWebhook: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`,
      'alarms.cameraLostFor': '1s',
      'paths.lost.source': 'rtsp://127.0.0.1:1/nobody',
    },
    config: `paths:\n${STREAMS.map((name) => `  ${name}: { source: 'file:${CLIP}' }\n`).join('')}`,
  });
  for (const name of STREAMS) await server.online(name);
  viewers = await Promise.all(
    [...STREAMS, ...STREAMS].map((name) => WeriftViewer.play(`${server.web}/${name}/whep`, H264)),
  );
  await until(
    () => viewers.every(({ payloads }) => payloads.length > 0),
    10_000,
    () => 'a viewer sees nothing',
  );
});
afterAll(async () => {
  await Promise.all(viewers.map((viewer) => viewer.close()));
  await server?.stop();
  receiver.close();
});

/** Names of metrics in an expression: what is no function, label or keyword of PromQL. */
function metricNames(expression: string): string[] {
  const bare = expression.replaceAll(/\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)|"[^"]*"/g, '');
  return [...bare.matchAll(/[a-z_][a-z0-9_]*/gi)]
    .filter(({ 0: name, index }) => !/^\s*\(/.test(bare.slice(index + name.length)))
    .map(([name]) => name)
    .filter((name) => !/^(?:and|or|unless|by|le|up|on|ignoring)$/.test(name));
}

test('every metric that the shipped rules and the dashboard ask for is in a real scrape', async () => {
  const board = read('grafana/shardcast.json');
  const { panels } = JSON.parse(board) as { panels: { title: string; targets?: { expr: string }[] }[] };
  const expressions = [
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
  ];
  expect(expressions.length).toBeGreaterThan(30);
  const asked = expressions.flatMap(([where, expression]) => {
    const names = metricNames(expression);
    if (where !== 'ShardcastUnreachable') expect(names.length, where).toBeGreaterThan(0);
    return names.map((name) => [where, name] as const);
  });
  async function unknown(): Promise<string[]> {
    const families = parseExposition((await server.metrics()).text);
    const known = new Set([...families.values()].flatMap(({ samples }) => samples.map(({ name }) => name)));
    return asked.filter(([, name]) => !known.has(name)).map(([where, name]) => `${where}: ${name}`);
  }
  // What is taken once a second is not there in the first ones.
  await expect.poll(unknown, { timeout: 5000 }).toEqual([]);
  expect(metricNames('topk(10, rate(nobody_total{a="b"}[1m])) > 3 and up == 1')).toEqual(['nobody_total']);
});

test("Prometheus's rules are the server's own: the same names, thresholds and durations, each in the runbook", async () => {
  const own = (await (await fetch(`${server.api}/v3/alarms/rules`)).json()) as {
    items: { name: string; severity: string; comparison: string }[];
  };
  const runbook = readFileSync(new URL('../docs/runbook.md', import.meta.url), 'utf8');
  const { alarms, pathDefaults } = ConfigSchema.parse({});
  const expected: Record<string, [threshold: number, forMs: number]> = {
    CpuHigh: [alarms.cpuRatio, alarms.cpuFor],
    WorkerCpuHigh: [alarms.workerCpuRatio, alarms.workerCpuFor],
    WorkerDown: [0, alarms.workerDownFor],
    MemoryHigh: [alarms.memory, alarms.memoryFor],
    ResourcesHigh: [alarms.activeResources, alarms.activeResourcesFor],
    FileDescriptorsHigh: [alarms.fileDescriptorsRatio, alarms.fileDescriptorsFor],
    CameraLost: [0, alarms.cameraLostFor],
    LossHigh: [pathDefaults.alarmLossRatio, alarms.lossFor],
    BitrateLow: [pathDefaults.alarmMinBitrate, alarms.bitrateFor],
    KeyframeIntervalHigh: [pathDefaults.alarmKeyframeInterval / 1000, alarms.keyframeIntervalFor],
  };
  expect(own.items.map(({ name }) => name).sort()).toEqual(Object.keys(expected).sort());
  for (const { name, severity, comparison } of own.items) {
    const rule = rules.find(({ alert }) => alert === name);
    const [threshold = Number.NaN, forMs] = expected[name] ?? [];
    const found = /([<>]|==) ([\d.]+)/.exec(rule?.expr ?? '');
    expect([name, Number(found?.[2]), rule?.labels.severity], name).toEqual([name, threshold, severity]);
    if (found?.[1] !== '==') expect(found?.[1], name).toBe(comparison === 'above' ? '>' : '<');
    const seconds = Number.parseFloat(rule?.for ?? '') * (rule?.for.endsWith('m') ? 60 : 1);
    expect(seconds * 1000, name).toBe(forMs);
    expect(runbook).toContain(`\n## ${name}\n`);
    expect(rule?.annotations.runbook_url).toBe(`docs/runbook.md#${name.toLowerCase()}`);
  }
});

test('promtool agrees with the rules, where it is installed', () => {
  const file = (name: string) => fileURLToPath(new URL(`../deploy/prometheus/${name}`, import.meta.url));
  if (spawnSync('promtool', ['--version']).status !== 0) return console.log('promtool is not here');
  for (const args of [
    ['check', 'rules', file('alerts.yml')],
    ['test', 'rules', file('alerts.test.yml')],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  }
});

test("the streams' CPU is their worker's, and what a viewer costs is part of it", async () => {
  const seconds = (metrics: Metrics, name: string, worker: number) => metrics.sum(name, { worker: String(worker) });
  const before = await server.metrics();
  await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
  const after = await server.metrics();
  for (const worker of [0, 1]) {
    const spent = (name: string) => seconds(after, name, worker) - seconds(before, name, worker);
    const measured = spent('shardcast_worker_cpu_seconds_total');
    expect(measured).toBeGreaterThan(0.05);
    expect(spent('shardcast_stream_cpu_seconds_total') / measured).toBeGreaterThan(0.9);
    expect(spent('shardcast_stream_cpu_seconds_total') / measured).toBeLessThan(1.1);
  }
  const response = await fetch(`${server.api}/v3/paths/list`);
  const { items } = (await response.json()) as {
    items: {
      name: string;
      readerCount: number;
      stats: { cpuCores: number; cpuCoresPerViewer: number; memoryBytes: number; memoryBytesPerViewer: number } | null;
    }[];
  };
  for (const { readerCount, stats } of items.filter(({ name }) => STREAMS.includes(name))) {
    expect(readerCount).toBe(2);
    expect(stats?.cpuCoresPerViewer).toBeGreaterThan(0);
    expect(2 * (stats?.cpuCoresPerViewer ?? 1)).toBeLessThan(stats?.cpuCores ?? 0);
    expect(2 * (stats?.memoryBytesPerViewer ?? 1)).toBeLessThanOrEqual(stats?.memoryBytes ?? 0);
  }
  const overview = (await (await fetch(`${server.api}/v3/overview`)).json()) as { streams: number; viewers: number };
  expect(overview).toMatchObject({ streams: STREAMS.length, viewers: 2 * STREAMS.length });
});

test('a camera that is not there raises an alarm, in the API, the log and at the webhook, which its return resolves', async () => {
  const states = async () =>
    ((await (await fetch(`${server.api}/v3/alarms`)).json()) as { items: { id: string; state: string }[] }).items.map(
      ({ id, state }) => `${id} ${state}`,
    );
  await until(
    async () => (await states()).includes('CameraLost/lost firing'),
    10_000,
    () => 'no alarm',
  );
  const lines = () => server.logLines().map(({ msg, alarm, path }) => `${msg} ${alarm} ${path}`);
  const sent = () =>
    heard.flatMap(({ alerts }) =>
      alerts.map(({ status, labels }) => `${labels['alertname']}/${labels['path']} ${status}`),
    );
  await expect.poll(sent).toContain('CameraLost/lost firing');
  expect(lines()).toContain('alarm firing CameraLost lost');
  expect(heard[0]?.version).toBe('4');
  const answer = await fetch(`${server.api}/v3/config/paths/patch/lost`, {
    method: 'PATCH',
    body: JSON.stringify({ source: `file:${CLIP}` }),
  });
  expect(answer.status).toBe(200);
  await until(
    async () => (await states()).includes('CameraLost/lost resolved'),
    40_000,
    () => 'the alarm stays',
  );
  await expect.poll(sent).toContain('CameraLost/lost resolved');
});
