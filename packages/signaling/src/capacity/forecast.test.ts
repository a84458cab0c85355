import { TYPICAL_COST } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { type ForecastInput, forecast } from './forecast.ts';

const PACKETS = 100;
/** 64 streams of 100 packets/s and 1 Mbit/s with a viewer each, on two cores; a packet sent costs 10 us, one received 32. */
const INPUT: ForecastInput = {
  streams: 64,
  viewers: 64,
  sessions: 128,
  inboundPackets: 64 * PACKETS,
  outboundPackets: 64 * PACKETS,
  inboundBitrate: 64e6,
  outboundBitrate: 64e6,
  cpuCores: 0.02 + 64 * PACKETS * 42e-6,
  workerCores: 0.02 + 64 * PACKETS * 42e-6,
  workers: 2,
  cores: 2,
  rssBytes: 120e6,
  idleRssBytes: 100e6,
  memoryBytes: 4e9,
  availableBytes: 3e9,
  fileDescriptors: 100,
  maxFileDescriptors: 20_000,
  linkBitrate: 10e9,
  maxSessions: 8192,
  typical: TYPICAL_COST.native,
  idleCores: 0.02,
  cost: { base: 0.02, perUnit: 10e-6, samples: 100 },
  asis: { cpuRatio: 3, memoryRatio: 9, source: 'a test' },
};
const more = (changes: Partial<ForecastInput>) => forecast({ ...INPUT, ...changes });

test('as many more streams fit as CPU is left to 70 %, each with its viewers', () => {
  const { room, cost, limits } = more({});
  expect(cost.cpuCoresPerStream).toBeCloseTo(3.2e-3);
  expect(cost.cpuCoresPerViewer).toBeCloseTo(1e-3);
  expect(room.streams).toBe(Math.floor((1.4 - INPUT.cpuCores) / 4.2e-3));
  expect(room.limitedBy.streams).toBe('cpu');
  expect(limits.find(({ resource }) => resource === 'cpu')).toMatchObject({ total: 2, usable: 1.4 });
});

test('a worker is a thread: more cores than workers do not help', () => {
  const { room } = more({ cores: 16 });
  expect(room.limitedBy.streams).toBe('worker-cpu');
  expect(room.streams).toBe(Math.floor((1.4 - INPUT.workerCores) / 4.2e-3));
});

test('whatever ends first is the limit', () => {
  expect(more({ memoryBytes: 140e6 }).room.limitedBy.streams).toBe('memory');
  expect(more({ availableBytes: 1e6 }).room.limitedBy.streams).toBe('memory');
  const link = more({ linkBitrate: 100e6 }).room;
  expect([link.limitedBy.streams, link.streams]).toEqual(['bandwidth', Math.floor((90e6 - 64e6 * 1.07) / 1.07e6)]);
  expect(more({ maxFileDescriptors: 120 }).room).toMatchObject({
    streams: 8,
    limitedBy: { streams: 'file-descriptors' },
  });
  expect(more({ maxSessions: 150 }).room).toMatchObject({ viewers: 22, limitedBy: { viewers: 'sessions' } });
});

test('what is not known is no limit', () => {
  const { limits } = more({ linkBitrate: undefined, maxFileDescriptors: undefined });
  for (const resource of ['bandwidth', 'file-descriptors'])
    expect(limits.find((limit) => limit.resource === resource)).toMatchObject({
      total: null,
      streams: null,
      viewers: null,
    });
});

test('a full server has no room, and not less', () => {
  const { room } = more({ cpuCores: 1.9 });
  expect(room).toMatchObject({ streams: 0, viewers: 0 });
});

test('without a load the typical costs and a camera of 1 Mbit/s with a viewer are taken', () => {
  const { mix, cost, room } = more({
    streams: 0,
    viewers: 0,
    sessions: 0,
    inboundPackets: 0,
    outboundPackets: 0,
    inboundBitrate: 0,
    outboundBitrate: 0,
    cpuCores: 0.02,
    workerCores: 0.01,
    cost: undefined,
  });
  expect(mix).toMatchObject({ viewersPerStream: 1, inboundBitratePerStream: 1e6 });
  expect(cost.basis).toBe('typical');
  expect(room.streams).toBeGreaterThan(300);
});

test("the report's table: 64, 100, 150, 200 streams and more, as it is and with the optimisations off", () => {
  const { table } = more({ cores: 1, workers: 1 });
  expect(table.map(({ streams }) => streams)).toEqual([64, 100, 150, 200, 300, 500]);
  for (const { streams, viewers, asis, tobe } of table) {
    expect(viewers).toBe(streams);
    expect(tobe.cpuCores).toBeCloseTo(0.02 + streams * 4.2e-3);
    expect(asis.cpuCores).toBeCloseTo(0.02 + streams * 4.2e-3 * 3);
    expect(asis.rssBytes).toBeGreaterThan(tobe.rssBytes);
    expect(tobe.fits).toBe(streams <= 150);
    expect(asis.fits).toBe(false);
  }
});
