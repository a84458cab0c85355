import { expect, test } from 'vitest';
import type { Stream, Worker } from '../api/shapes.ts';
import { loadOf, RtcpRates } from './worker-load.ts';

const worker = { id: 1, cpuCores: 0.5, heapBytes: 60, externalBytes: 40 } as Worker;
const stream = (on: number, inboundPackets: number, outboundPackets: number, lossRatio = 0) =>
  ({ worker: on, online: true, readerCount: 2, stats: { inboundPackets, outboundPackets, lossRatio } }) as Stream;

test('the cost of a packet is of the worker’s own streams, and loss weighs by packets', () => {
  const load = loadOf(worker, [stream(1, 100, 300, 0.1), stream(1, 300, 300), stream(0, 999, 999, 1)], undefined);
  expect(load).toMatchObject({ streams: 2, viewers: 4, packets: 1_000, memoryPerStream: 50, rtcpIn: null });
  expect(load.cpuPerPacket).toBeCloseTo(0.0005);
  expect(load.lossRatio).toBeCloseTo(0.025);
});

test('an idle worker has no cost of a packet', () => {
  expect(loadOf(worker, [], undefined)).toMatchObject({ cpuPerPacket: null, lossRatio: null, memoryPerStream: null });
});

test('RTCP is a rate over ten seconds, and begins anew with the counters', () => {
  const rates = new RtcpRates();
  expect(rates.rates(0)).toBeUndefined();
  for (let second = 0; second <= 30; second++) rates.add(0, { received: second * 4, sent: second * 2 }, second * 1_000);
  expect(rates.rates(0)).toEqual({ received: 4, sent: 2 });
  rates.add(0, { received: 0, sent: 0 }, 31_000);
  expect(rates.rates(0)).toBeUndefined();
  rates.add(0, { received: 3, sent: 1 }, 32_000);
  expect(rates.rates(0)).toEqual({ received: 3, sent: 1 });
});
