import { Telemetry, TRACK_COUNTER } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { Leg } from '../forward/leg.ts';
import { PacketBatch } from '../forward/packet-batch.ts';
import { PacketPool, SLOT_BYTES } from '../forward/packet-pool.ts';
import { PortableFastPath } from './portable.ts';

function setUp(options: { slots?: number; queued?: number }) {
  const telemetry = new Telemetry(Telemetry.allocate());
  const queue = { queued: options.queued ?? 0 };
  const pool = options.slots === undefined ? undefined : new PacketPool(options.slots);
  let protectedPackets = 0;
  const sent: { bytes: Buffer; start: number; length: number }[] = [];
  const leg = new Leg({
    transport: {
      protectRun: (run) => {
        protectedPackets += run.count;
      },
      send: (bytes, start, length) => sent.push({ bytes, start, length }),
    },
    ssrc: 7,
    payloadType: 100,
    codec: { name: 'H264', clockRate: 90_000, fmtp: 'packetization-mode=1' },
    counters: new Float64Array(24),
    track: 0,
    joinedAtMs: 0,
  });
  leg.startAt(0);
  return {
    path: new PortableFastPath(pool, queue, telemetry),
    pool,
    queue,
    sent,
    leg,
    telemetry,
    protectedPackets: () => protectedPackets,
  };
}

function batchOf(packets: number, payloadBytes = 100, firstIndex = 0): PacketBatch {
  const batch = new PacketBatch(256);
  const bytes = Buffer.alloc(payloadBytes, 5);
  for (let i = 0; i < packets; i++) batch.add(bytes, 0, payloadBytes, firstIndex + i, 3600, 0);
  return batch;
}

test('while the socket is slow every packet has a slot of its own, and what finds none is dropped and counted', () => {
  const { path, queue, sent, leg, telemetry, pool } = setUp({ slots: 10 });
  queue.queued = 1;
  expect(path.forward(batchOf(8), [leg], 0)).toBe(8);
  expect(path.forward(batchOf(8, 100, 8), [leg], 0)).toBe(2);
  expect(new Set(sent.map(({ start }) => start)).size).toBe(10);
  expect(telemetry.worker('droppedNoSlot')).toBe(6);
  queue.queued = 0;
  expect(path.forward(batchOf(8, 100, 16), [leg], 0)).toBe(8);
  expect(pool?.used).toBe(8);
});

test('indexes of dropped packets are used up: none is ever given to another packet', () => {
  const { path, queue, leg } = setUp({ slots: 2 });
  queue.queued = 1;
  path.forward(batchOf(5), [leg], 0);
  expect(leg.counter(TRACK_COUNTER.OUT)).toBe(5);
  expect(leg.counter(TRACK_COUNTER.PACKETS)).toBe(2);
});

test('a batch larger than the pool goes out in several runs when the socket keeps up', () => {
  for (const slots of [4, 16, 40, 48, 64]) {
    const { path, sent, leg } = setUp({ slots });
    expect(path.forward(batchOf(100), [leg], 0)).toBe(100);
    expect(sent).toHaveLength(100);
  }
});

test('a payload that fits no slot with its tag is dropped and counted', () => {
  const { path, leg, telemetry } = setUp({ slots: 4 });
  expect(path.forward(batchOf(1, SLOT_BYTES), [leg], 0)).toBe(0);
  expect(telemetry.worker('droppedTooBig')).toBe(1);
});

test('without a pool each packet has memory of its own', () => {
  const { path, sent, leg, protectedPackets } = setUp({});
  expect(path.forward(batchOf(40), [leg], 0)).toBe(40);
  expect(new Set(sent.map(({ bytes }) => bytes)).size).toBe(40);
  expect(sent.every(({ length }) => length === 112)).toBe(true);
  expect(protectedPackets()).toBe(40);
});

test('a packet that is sent again or late does not move the sender report’s clock', () => {
  const { path, leg } = setUp({ slots: 16 });
  path.forward(batchOf(5), [leg], 1000);
  path.forward(batchOf(1, 100, 2), [leg], 2000);
  expect(leg.counter(TRACK_COUNTER.LAST_TIMESTAMP_AT)).toBe(1000);
  path.forward(batchOf(1, 100, 5), [leg], 3000);
  expect(leg.counter(TRACK_COUNTER.LAST_TIMESTAMP_AT)).toBe(3000);
});

test('packets from before a leg began are not for it', () => {
  const { path, leg } = setUp({ slots: 16 });
  leg.startAt(3);
  expect(path.forward(batchOf(5), [leg], 0)).toBe(2);
});

test('in the steady state nothing is allocated a packet: the heap does not grow with them', () => {
  const { path, leg } = setUp({ slots: 64 });
  leg.transport.send = () => {};
  const batch = batchOf(5, 1165);
  const forward = (times: number) => {
    for (let i = 0; i < times; i++) path.forward(batch, [leg], i);
  };
  forward(20_000); // optimised code first
  const before = process.memoryUsage().heapUsed;
  forward(20_000);
  const perPacket = (process.memoryUsage().heapUsed - before) / 100_000;
  expect(perPacket).toBeLessThan(8);
});
