import { Telemetry, TRACK_COUNTER } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { PlainPath } from '../../test/fastpath/plain-path.ts';
import { Leg } from '../forward/leg.ts';
import { LegGroup } from '../forward/leg-group.ts';
import { LegTable } from '../forward/leg-table.ts';
import { PacketBatch } from '../forward/packet-batch.ts';
import { PacketPool, SLOT_BYTES } from '../forward/packet-pool.ts';
import { PortableFastPath } from './portable.ts';

function setUp(options: { slots?: number; queued?: number }) {
  const telemetry = new Telemetry(Telemetry.allocate());
  const pool = options.slots === undefined ? undefined : new PacketPool(options.slots);
  const plain = new PlainPath(pool, telemetry);
  plain.queued = options.queued ?? 0;
  const sent: { bytes: Buffer; start: number; length: number }[] = [];
  const leg = plain.open((packet) => sent.push(packet));
  leg.startAt(0);
  return { path: plain.path, pool, plain, sent, leg, group: LegGroup.of(leg), telemetry };
}

function batchOf(packets: number, payloadBytes = 100, firstIndex = 0): PacketBatch {
  const batch = new PacketBatch(256);
  const bytes = Buffer.alloc(payloadBytes, 5);
  for (let i = 0; i < packets; i++) batch.add(bytes, 0, payloadBytes, firstIndex + i, 3600, 0);
  return batch;
}

test('while the socket is slow every packet has a slot of its own, and what finds none is dropped and counted', () => {
  const { path, plain, sent, telemetry, pool, group } = setUp({ slots: 10 });
  plain.queued = 1;
  expect(path.forward(batchOf(8), group, 0)).toBe(8);
  expect(path.forward(batchOf(8, 100, 8), group, 0)).toBe(2);
  expect(new Set(sent.map(({ start }) => start)).size).toBe(10);
  expect(telemetry.worker('droppedNoSlot')).toBe(6);
  plain.queued = 0;
  expect(path.forward(batchOf(8, 100, 16), group, 0)).toBe(8);
  expect(pool?.used).toBe(8);
});

test('indexes of dropped packets are used up: none is ever given to another packet', () => {
  const { path, plain, leg, group } = setUp({ slots: 2 });
  plain.queued = 1;
  path.forward(batchOf(5), group, 0);
  expect(leg.counter(TRACK_COUNTER.OUT)).toBe(5);
  expect(leg.counter(TRACK_COUNTER.PACKETS)).toBe(2);
});

test('a batch larger than the pool goes out in several runs when the socket keeps up', () => {
  for (const slots of [4, 16, 40, 48, 64]) {
    const { path, sent, group } = setUp({ slots });
    expect(path.forward(batchOf(100), group, 0)).toBe(100);
    expect(sent).toHaveLength(100);
  }
});

test('a payload that fits no slot with its tag is dropped and counted', () => {
  const { path, telemetry, group } = setUp({ slots: 4 });
  expect(path.forward(batchOf(1, SLOT_BYTES), group, 0)).toBe(0);
  expect(telemetry.worker('droppedTooBig')).toBe(1);
});

test('without a pool each packet has memory of its own', () => {
  const { path, sent, plain, group } = setUp({});
  expect(path.forward(batchOf(40), group, 0)).toBe(40);
  expect(new Set(sent.map(({ bytes }) => bytes)).size).toBe(40);
  expect(sent.every(({ length }) => length === 112)).toBe(true);
  expect(plain.protectedPackets).toBe(40);
});

test('a packet that is sent again or late does not move the sender report’s clock', () => {
  const { path, leg, group } = setUp({ slots: 16 });
  path.forward(batchOf(5), group, 1000);
  path.forward(batchOf(1, 100, 2), group, 2000);
  expect(leg.counter(TRACK_COUNTER.LAST_TIMESTAMP_AT)).toBe(1000);
  path.forward(batchOf(1, 100, 5), group, 3000);
  expect(leg.counter(TRACK_COUNTER.LAST_TIMESTAMP_AT)).toBe(3000);
});

test('packets from before a leg began are not for it', () => {
  const { path, leg, group } = setUp({ slots: 16 });
  leg.startAt(3);
  expect(path.forward(batchOf(5), group, 0)).toBe(2);
});

test('in the steady state nothing is allocated a packet: the heap does not grow with them', () => {
  const telemetry = new Telemetry(Telemetry.allocate());
  const path = new PortableFastPath(new PacketPool(64), { queued: 0, send() {}, sendWhole() {} }, telemetry);
  const channel = path.openChannel({ protectRun() {} });
  path.setDestination(channel, { address: '192.0.2.1', port: 9 });
  const group = LegGroup.of(
    new Leg({
      table: new LegTable(),
      channel,
      ssrc: 7,
      payloadType: 100,
      codec: { name: 'H264', clockRate: 90_000, fmtp: '' },
      counters: new Float64Array(24),
      track: 0,
      joinedAtMs: 0,
    }),
  );
  group.legs[0]?.startAt(0);
  const batch = batchOf(5, 1165);
  const forward = (times: number) => {
    for (let i = 0; i < times; i++) path.forward(batch, group, i);
  };
  forward(20_000); // optimised code first
  const before = process.memoryUsage().heapUsed;
  forward(20_000);
  const perPacket = (process.memoryUsage().heapUsed - before) / 100_000;
  expect(perPacket).toBeLessThan(8);
});
