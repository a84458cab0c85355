// What the portable media path spends on a forwarded packet, part by part, in us of CPU, and what it leaves on the heap.
// node --expose-gc --conditions=source --import=tsx packages/sfu-worker/bench/portable.bench.ts
import { createCipheriv } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { cpus } from 'node:os';
import { SESSION_DOUBLES, Telemetry } from '@shardcast/shared';
import { PortableFastPath } from '../src/fastpath/portable.ts';
import { WasmFanOut } from '../src/fastpath/wasm-fan-out.ts';
import { Leg } from '../src/forward/leg.ts';
import { LegGroup } from '../src/forward/leg-group.ts';
import { LegTable } from '../src/forward/leg-table.ts';
import { PacketBatch } from '../src/forward/packet-batch.ts';
import { PacketPool } from '../src/forward/packet-pool.ts';
import { openNodeDatagramSocket } from '../src/session/node-datagram-socket.ts';
import { SrtpSender } from '../src/session/srtp/protect.ts';

const PAYLOAD_BYTES = 1153;
const ROUNDS = 3;
const SLOTS = 4096;
const RECEIVERS = 10;

const telemetry = new Telemetry(Telemetry.allocate());
const log = { error() {}, warn() {}, info() {}, debug() {} };

/** Best of a few rounds: the machine may be shared, and only ever makes it slower. */
function measure(name: string, packetsACall: number, packets: number, call: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  let growth = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    global.gc?.();
    const heap = process.memoryUsage().heapUsed;
    const cpu = process.cpuUsage();
    for (let n = 0; n < packets; n += packetsACall) call();
    const { user, system } = process.cpuUsage(cpu);
    global.gc?.();
    if (round === 0) continue; // warms up
    best = Math.min(best, (user + system) / packets);
    growth = Math.min(growth, Math.max(0, process.memoryUsage().heapUsed - heap) / packets);
  }
  const left = global.gc === undefined ? '' : ` ${growth.toFixed(2).padStart(6)} bytes`;
  console.log(`${name.padEnd(64)} ${best.toFixed(2).padStart(6)} us${left}`);
}

function batchOf(packets: number): PacketBatch {
  const batch = new PacketBatch(64);
  for (let i = 0; i < packets; i++) batch.add(Buffer.alloc(PAYLOAD_BYTES, i), 0, PAYLOAD_BYTES, i, 90, 0);
  return batch;
}

function legsOf(path: PortableFastPath, count: number, port: (i: number) => number): LegGroup {
  const group = new LegGroup();
  const table = new LegTable();
  for (let i = 0; i < count; i++) {
    const key = Buffer.alloc(16, i).toString('base64');
    const channel = path.openChannel(new SrtpSender(1, key, Buffer.alloc(14, i).toString('base64')));
    path.setDestination(channel, { address: '::ffff:127.0.0.1', port: port(i) });
    const codec = { name: 'H264' as const, clockRate: 90_000, fmtp: '' };
    const counters = new Float64Array(SESSION_DOUBLES);
    const leg = new Leg({ table, channel, ssrc: i, payloadType: 96, codec, counters, track: 0, joinedAtMs: 0 });
    leg.startAt(0);
    group.add(leg);
  }
  return group;
}

console.log(`node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, payloads of ${PAYLOAD_BYTES} bytes`);

const ecb = createCipheriv('aes-128-ecb', Buffer.alloc(16), null);
const blocks = Math.ceil(PAYLOAD_BYTES / 16);
for (const packets of [1, 5]) {
  const counters = Buffer.alloc(packets * blocks * 16);
  measure(`AES: ECB of ${packets} packets' counter blocks`, packets, 200_000, () => ecb.update(counters));
}

const nowhere = { queued: 0, send() {}, sendWhole() {} };
for (const [legs, packets] of [
  [200, 5],
  [1, 5],
  [1, 1],
] as const) {
  const batch = batchOf(packets);
  const made = WasmFanOut.create(SLOTS);
  const wasm = 'reason' in made ? undefined : made;
  const ways = [
    ['TypeScript', new PortableFastPath(new PacketPool(SLOTS), nowhere, telemetry)],
    ...(wasm === undefined
      ? []
      : [['WebAssembly', new PortableFastPath(wasm.pool, nowhere, telemetry, wasm)] as const]),
  ] as const;
  for (const [name, path] of ways) {
    const group = legsOf(path, legs, () => 9);
    const name2 = `${name}: frame of ${packets} to ${legs} viewers, not sent`;
    measure(name2, legs * packets, 100_000, () => path.forward(batch, group, 1));
  }
}

// Sockets that nobody reads: their queues fill up, and then the kernel drops behind the same walk through its stack.
const receivers = await Promise.all(
  Array.from({ length: RECEIVERS }, async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return socket;
  }),
);
const socket = await openNodeDatagramSocket({ host: '::', port: 0 }, { telemetry, log });
const ports = receivers.map((receiver) => receiver.address().port);
const made = WasmFanOut.create(SLOTS);
if (!('reason' in made)) {
  const path = new PortableFastPath(made.pool, socket, telemetry, made);
  const group = legsOf(path, 200, (i) => ports[i % RECEIVERS] as number);
  const batch = batchOf(5);
  measure('WebAssembly: frame of 5 to 200 viewers, sent', 1000, 50_000, () => path.forward(batch, group, 1));
}
const datagram = Buffer.alloc(PAYLOAD_BYTES + 22);
let turn = 0;
measure('a send alone', 1, 50_000, () => {
  socket.sendWhole(datagram, { address: '::ffff:127.0.0.1', port: ports[turn++ % RECEIVERS] as number });
});
socket.close();
for (const receiver of receivers) receiver.close();
