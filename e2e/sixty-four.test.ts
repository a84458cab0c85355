import { Camera, CameraClock, FRAMES_PER_SECOND } from '@shardcast/load';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Audience, lostOf, percentile } from '../bench/src/audience.ts';
import { Viewer } from '../bench/src/viewer.ts';
import { TestServer, until } from './support/server.ts';

const STREAMS = 64;
const JOINS_AT_ONCE = 8;
/** The whole minute takes SHARDCAST_LONG=1. */
const SECONDS = process.env['SHARDCAST_LONG'] === '1' ? 60 : 15;

let server: TestServer;
const cameras: Camera[] = [];
const viewers: Viewer[] = [];
const audience = new Audience();
let clock: CameraClock | undefined;

beforeAll(async () => {
  server = await TestServer.start({ flags: { workers: '2' } });
});
afterAll(async () => {
  clock?.stop();
  for (const viewer of viewers) viewer.close();
  for (const camera of cameras) camera.close();
  await server?.stop();
});

async function counters() {
  const metrics = await server.metrics();
  const stream = (name: string) =>
    metrics.sum(`shardcast_stream_${name}_total`) - demo(metrics.sum.bind(metrics), name);
  return {
    inbound: stream('inbound_packets'),
    outbound: stream('outbound_packets'),
    keyframes: stream('keyframes'),
    lost: stream('inbound_lost'),
    dropped: metrics.sum('shardcast_packets_dropped_total'),
    rejected: metrics.sum('shardcast_srtp_rejected_total') + metrics.sum('shardcast_stun_rejected_total'),
  };
}

/** The demo goes on by itself and is not counted. */
function demo(sum: (name: string, labels: Record<string, string>) => number, name: string): number {
  return sum(`shardcast_stream_${name}_total`, { path: 'demo' });
}

/** With the cameras silent: what was sent has arrived when two looks see the same. */
async function settled(): Promise<Awaited<ReturnType<typeof counters>>> {
  let last = '';
  await until(
    async () => {
      const now = JSON.stringify([await counters(), audience.tally.received]);
      const isSame = now === last;
      last = now;
      return isSame;
    },
    10_000,
    () => `the counters do not come to rest: ${last}`,
  );
  return counters();
}

test(`${STREAMS} cameras and ${STREAMS} viewers run for ${SECONDS} s without a lost packet`, async () => {
  for (let ordinal = 0; ordinal < STREAMS; ordinal++)
    cameras.push(await Camera.publish(`${server.rtsp}/cam${ordinal}`, { ordinal }));
  clock = new CameraClock(STREAMS, FRAMES_PER_SECOND, (index) => cameras[index]?.frames.send());
  await until(
    async () => (await counters()).keyframes >= STREAMS,
    10_000,
    () => 'not every camera sent a keyframe',
  );
  for (let index = 0; index < STREAMS; index += JOINS_AT_ONCE) {
    const paths = Array.from({ length: JOINS_AT_ONCE }, (_, offset) => `cam${index + offset}`);
    viewers.push(...(await Promise.all(paths.map((path) => Viewer.play(`${server.web}/${path}/whep`, audience)))));
  }
  // Each camera sends another keyframe, so that every viewer is past its catching up.
  const joined = await counters();
  await until(
    async () => (await counters()).keyframes >= joined.keyframes + 2 * STREAMS,
    15_000,
    () => 'the cameras do not go on',
  );

  clock.stop();
  const before = await settled();
  audience.reset();
  clock = new CameraClock(STREAMS, FRAMES_PER_SECOND, (index) => cameras[index]?.frames.send());
  const beganMs = performance.now();
  const sentBefore = sentPackets();
  await until(
    () => performance.now() - beganMs >= SECONDS * 1000,
    (SECONDS + 10) * 1000,
    () => 'unreachable',
  );
  clock.stop();
  const after = await settled();

  const inbound = after.inbound - before.inbound;
  const outbound = after.outbound - before.outbound;
  const { tally } = audience;
  console.log(
    `${tally.received} packets to ${STREAMS} viewers in ${SECONDS} s, ${lostOf(tally)} lost, ` +
      `frame latency p99 ${percentile(tally.latenciesMs, 0.99).toFixed(1)} ms`,
  );
  // Each is there, in its place, with its own content.
  expect(tally.marked).toBe(sentPackets() - sentBefore);
  expect(tally.marked).toBeGreaterThan(4 * STREAMS * 24 * SECONDS);
  const { disordered, rejected, wrong } = tally;
  expect({ lost: lostOf(tally), disordered, rejected, wrong }).toEqual({
    lost: 0,
    disordered: 0,
    rejected: 0,
    wrong: 0,
  });
  expect({ lost: after.lost, dropped: after.dropped, rejected: after.rejected }).toEqual({
    lost: 0,
    dropped: 0,
    rejected: 0,
  });
  expect(outbound).toBe(inbound);
  expect(tally.received).toBe(outbound);

  const workers = new Set((await server.paths()).map(({ worker }) => worker));
  expect([...workers].sort()).toEqual([0, 1]);
  for (const { state, restarts } of await server.workers())
    expect({ state, restarts }).toEqual({ state: 'up', restarts: 0 });
});

function sentPackets(): number {
  return cameras.reduce((total, { frames }) => total + frames.packets, 0);
}
