import { STREAM, Telemetry } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { StreamCpu } from './stream-cpu.ts';

function setUp() {
  const telemetry = new Telemetry(Telemetry.allocate());
  const count = (slot: number, inbound: number, outbound: number) => {
    telemetry.add(Telemetry.streamBase(slot) + STREAM.inboundPackets, inbound);
    telemetry.add(Telemetry.streamBase(slot) + STREAM.outboundPackets, outbound);
  };
  return {
    telemetry,
    cpu: new StreamCpu(telemetry, 0.5),
    count,
    spent: (slot: number) => telemetry.stream(slot, 'cpuSeconds'),
  };
}

test('streams share the time by their packets, those received by their weight, and the sum is the whole', () => {
  const { cpu, count, spent } = setUp();
  count(0, 100, 50); // weighs 100
  count(3, 200, 200); // 300
  cpu.share([0, 3], 2);
  expect([spent(0), spent(3)]).toEqual([0.5, 1.5]);
});

test('only packets since the last time count', () => {
  const { cpu, count, spent } = setUp();
  count(0, 0, 1000);
  cpu.share([0, 1], 1);
  count(1, 0, 10);
  cpu.share([0, 1], 1);
  expect([spent(0), spent(1)]).toEqual([1, 1]);
});

test('where nothing was sent or received nobody is charged', () => {
  const { cpu, spent } = setUp();
  cpu.share([0, 1], 1);
  expect([spent(0), spent(1)]).toEqual([0, 0]);
});

test("a slot's next stream begins at nothing", () => {
  const { telemetry, cpu, count, spent } = setUp();
  count(0, 0, 1000);
  cpu.share([0], 1);
  cpu.forget(0);
  telemetry.clearStream(0);
  count(0, 0, 10);
  count(1, 0, 10);
  cpu.share([0, 1], 1);
  expect([spent(0), spent(1)]).toEqual([0.5, 0.5]);
});
