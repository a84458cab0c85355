import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Telemetry } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { loadNativeAddon, type NativeAddon, STATISTICS } from './native-addon.ts';
import { NativeDatagramSocket } from './native-datagram-socket.ts';

/** An addon whose socket has nothing to receive and tells what a test puts into `statistics`. */
function fakeAddon(statistics: number[]) {
  let readable = () => {};
  class UdpSocket {
    port = 1;
    family = 4;
    start(onReadable: () => void): void {
      readable = onReadable;
    }
    receive(): number {
      return 0;
    }
    statistics(out: Float64Array): void {
      out.set(statistics);
    }
  }
  // The rest of it is not called.
  return { addon: { UdpSocket } as unknown as NativeAddon, wake: () => readable() };
}

test('an offload that the kernel refuses is logged once, counted each time, and no more claimed', () => {
  const statistics = new Array<number>(STATISTICS.FIELDS).fill(0);
  statistics[STATISTICS.SEGMENTS] = statistics[STATISTICS.COALESCES] = 1;
  const { addon, wake } = fakeAddon(statistics);
  const telemetry = new Telemetry(Telemetry.allocate());
  const warnings: string[] = [];
  const log = { error() {}, warn: (message: string) => void warnings.push(message), info() {}, debug() {} };
  const socket = new NativeDatagramSocket(addon, { host: '127.0.0.1', port: 0, queueBytes: 0 }, { telemetry, log });
  socket.start({ onDatagram() {}, onDrained() {} });
  expect(socket.offload).toBe('gso+gro');
  wake();
  expect(warnings).toHaveLength(0);
  statistics[STATISTICS.SEGMENTS] = 0;
  statistics[STATISTICS.OFFLOAD_REFUSED] = 1;
  wake();
  statistics[STATISTICS.OFFLOAD_REFUSED] = 3;
  wake();
  expect(warnings).toEqual(['the kernel refused segmentation offload; the same bytes went out one by one']);
  expect(telemetry.worker('offloadRefused')).toBe(3);
  expect(socket.offload).toBe('gro');
});

const loaded = loadNativeAddon();

test.runIf('addon' in loaded)('a socket that is closed is collected', async () => {
  if (!('addon' in loaded)) return;
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  const closed = Array.from({ length: 5 }, (_, index) => {
    const context = { telemetry: new Telemetry(Telemetry.allocate()), log };
    const options = { host: '127.0.0.1', port: 0, queueBytes: 1000, isOneOfMany: index % 2 === 0 };
    const socket = new NativeDatagramSocket(loaded.addon, options, context);
    socket.start({ onDatagram() {}, onDrained() {} });
    socket.close();
    return new WeakRef(socket);
  });
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  await expect
    .poll(() => {
      collect();
      return closed.filter((reference) => reference.deref() === undefined).length;
    })
    .toBe(5);
});
