// What a scrape of 1,000 streams costs, ms of CPU, once warm.
// node --conditions=source --import=tsx packages/signaling/bench/scrape.bench.ts
import { cpus } from 'node:os';
import { STREAM, Telemetry } from '@shardcast/shared';
import { createMetrics } from '../src/metrics/metrics.ts';
import { FakeMedia, pathInfo, shardView } from '../test/fake-media.ts';
import { testMonitoring } from '../test/test-observer.ts';

const STREAMS = 1000;
const SCRAPES = 60;
const WARM_UP = 20;

const shards = [0, 1].map((worker) => shardView(worker, { fastPath: 'native' }));
const media = new FakeMedia();
media.infos = Array.from({ length: STREAMS }, (_, index) =>
  pathInfo(`live/camera-${index}`, { worker: index % 2, slot: Math.floor(index / 2) }),
);
// Counters are whole numbers, but for seconds.
for (const { telemetry } of shards)
  for (let index = 0; index < telemetry.counters.length; index++)
    telemetry.counters[index] = Math.floor(Math.random() * 1e9);
for (const { worker = 0, slot = 0 } of media.infos) {
  const counters = shards[worker]?.telemetry.counters ?? [];
  counters[Telemetry.streamBase(slot) + STREAM.cpuSeconds] = Math.random() * 1e4;
}
const monitoring = testMonitoring(media, () => shards);
const metrics = createMetrics({ shards: () => shards, media, ...monitoring });

const costs: number[] = [];
let bytes = 0;
for (let scrape = 0; scrape < SCRAPES; scrape++) {
  monitoring.observer.sample();
  const before = process.cpuUsage();
  bytes = (await metrics.bytes()).length;
  const { user, system } = process.cpuUsage(before);
  if (scrape >= WARM_UP) costs.push((user + system) / 1000);
  await new Promise((resolve) => setTimeout(resolve, 20));
}
costs.sort((a, b) => a - b);
const at = (share: number) => (costs[Math.floor(costs.length * share)] ?? Number.NaN).toFixed(1);
console.log(`${cpus()[0]?.model}, node ${process.version}`);
console.log(
  `${STREAMS} streams, ${(bytes / 1024).toFixed(0)} KiB: best ${at(0)} ms, median ${at(0.5)} ms, 90 % under ${at(0.9)} ms`,
);
