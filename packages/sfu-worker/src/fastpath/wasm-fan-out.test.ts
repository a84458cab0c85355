import { createHmac, createSecretKey } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SESSION_DOUBLES, Telemetry, TRACK_COUNTER } from '@shardcast/shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchOf, legs, MAX_LEGS, makeLegs, packets } from '../../test/fastpath/traffic.ts';
import { Leg } from '../forward/leg.ts';
import { LegTable } from '../forward/leg-table.ts';
import { PacketBatch } from '../forward/packet-batch.ts';
import { PacketPool } from '../forward/packet-pool.ts';
import { SrtpSender } from '../session/srtp/protect.ts';
import { SrtpReceiver } from '../session/srtp/unprotect.ts';
import type { Destination } from './fast-path.ts';
import { PortableFastPath } from './portable.ts';
import { WasmFanOut } from './wasm-fan-out.ts';

function create(slots: number): WasmFanOut {
  const made = WasmFanOut.create(slots);
  if ('reason' in made) throw new Error(`scripts/ready.mjs builds the module first: ${made.reason}`);
  return made;
}

/** As `--expose-gc` would give it. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
}

/** A socket that keeps what it is given, by destination: the order of viewers among each other is nobody's business. */
function keep(queued = 0) {
  const sent = new Map<number, Buffer[]>();
  const push = (datagram: Buffer, { port }: Destination) => {
    const list = sent.get(port) ?? [];
    sent.set(port, list);
    list.push(Buffer.from(datagram));
  };
  return {
    sent,
    queued,
    send: (bytes: Buffer, start: number, length: number, to: Destination) =>
      push(bytes.subarray(start, start + length), to),
    sendWhole: push,
  };
}

/** What a path sends of a batch, and what it counts. */
function run(
  wasm: WasmFanOut | undefined,
  slots: number,
  traffic: { readonly batch: PacketBatch; readonly timestamps: Float64Array | undefined },
  specs: Parameters<typeof makeLegs>[3],
  queued = 0,
) {
  const socket = keep(queued);
  const telemetry = new Telemetry(Telemetry.allocate());
  const path = new PortableFastPath(wasm?.pool ?? new PacketPool(slots), socket, telemetry, wasm);
  const counters = new SharedArrayBuffer(MAX_LEGS * SESSION_DOUBLES * 8);
  const group = makeLegs(path, new LegTable(), counters, specs, 9);
  for (const leg of group.legs) path.setDestination(leg.channel, { address: '192.0.2.1', port: 1 + leg.channel });
  const count = path.forward(traffic.batch, group, 1234, traffic.timestamps);
  const starved = group.legs.map((leg) => leg.isStarved);
  for (const leg of group.legs) path.closeChannel(leg.channel);
  const dropped = [
    telemetry.worker('droppedTooBig'),
    telemetry.worker('droppedNoSlot'),
    telemetry.worker('datagramsOut'),
  ];
  return { count, sent: socket.sent, counters: new Float64Array(counters), dropped, starved };
}

const module = create(64);

/** Buffers are compared as such: what `toEqual` does with them takes a hundred times longer. */
function expectSame(made: ReturnType<typeof run>, expected: ReturnType<typeof run>): void {
  expect([...made.sent.keys()].sort()).toEqual([...expected.sent.keys()].sort());
  for (const [port, datagrams] of expected.sent) {
    const others = made.sent.get(port) ?? [];
    expect(others.length).toBe(datagrams.length);
    for (let i = 0; i < datagrams.length; i++) {
      if (!(others[i] as Buffer).equals(datagrams[i] as Buffer)) expect(others[i]).toEqual(datagrams[i]);
    }
  }
  expect(made.counters).toEqual(expected.counters);
  expect(made.dropped).toEqual(expected.dropped);
  expect([made.count, made.starved]).toEqual([expected.count, expected.starved]);
}

test('WebAssembly puts the same bytes on the wire and leaves the same counters as TypeScript', () => {
  fc.assert(
    fc.property(packets, legs(MAX_LEGS), fc.boolean(), (packetSpecs, legSpecs, withTimestamps) => {
      const batch = batchOf(packetSpecs);
      const timestamps = withTimestamps ? batch.timestamp.map((each) => (each * 7) % 0x1_0000_0000) : undefined;
      const expected = run(undefined, 64, { batch, timestamps }, legSpecs);
      expectSame(run(module, 64, { batch, timestamps }, legSpecs), expected);
    }),
    { numRuns: 200 },
  );
});

test.each([16, 17, 40])('a batch larger than a pool of %i slots goes out in parts', (slots) => {
  const batch = batchOf(Array.from({ length: 50 }, () => ({ bytes: 200, step: 1, timestamp: 5, flags: 0 })));
  const spec = { profile: 1, out: 7, startAt: 90, timestampOffset: 1, payloadType: 100 } as const;
  const traffic = { batch, timestamps: undefined };
  const made = run(create(slots), slots, traffic, [spec, spec, spec, spec, spec]);
  expectSame(made, run(undefined, slots, traffic, [spec, spec, spec, spec, spec]));
  expect(made.count).toBe(250);
});

test('while the socket is slow, what finds no slot is dropped, counted, and its viewers are marked', () => {
  const batch = batchOf(Array.from({ length: 5 }, () => ({ bytes: 200, step: 1, timestamp: 5, flags: 0 })));
  const spec = { profile: 1, out: 0, startAt: 0, timestampOffset: 1, payloadType: 100 } as const;
  const made = run(create(16), 16, { batch, timestamps: undefined }, [spec, spec, spec, spec], 1);
  expect(made.count).toBe(16);
  expect(made.starved).toEqual([false, false, false, true]);
  expect(made.dropped).toEqual([0, 4, 16]);
});

test('every length from an empty payload to the longest is opened by a receiver, alone and beside others', () => {
  for (const count of [1, 2, 3, 4, 5]) {
    const wasm = create(64);
    const socket = keep();
    const path = new PortableFastPath(wasm.pool, socket, new Telemetry(Telemetry.allocate()), wasm);
    const key = Buffer.alloc(16, 9).toString('base64');
    const salt = Buffer.alloc(14, 8).toString('base64');
    const counters = new SharedArrayBuffer(MAX_LEGS * SESSION_DOUBLES * 8);
    const group = makeLegs(path, new LegTable(), counters, [], 9);
    const spec = { profile: 1, out: 65_530, startAt: 0, timestampOffset: 0, payloadType: 100 } as const;
    const one = makeLegs(path, new LegTable(), counters, [spec], 9);
    const [leg] = one.legs;
    if (leg === undefined) throw new Error('a leg was made');
    path.closeChannel(leg.channel);
    expect(path.openChannel(new SrtpSender(1, key, salt))).toBe(leg.channel); // the number is free again
    path.setDestination(leg.channel, { address: '192.0.2.1', port: 1 });
    group.add(leg);
    leg.setCounter(TRACK_COUNTER.OUT, 65_530);
    leg.startAt(0);
    const receiver = new SrtpReceiver(1, key, salt);
    let index = 0;
    for (let bytes = 0; bytes <= 1472; bytes += count === 1 ? 1 : 37) {
      const batch = new PacketBatch(8);
      const payloads = Array.from({ length: count }, (_, i) => Buffer.alloc(Math.max(0, bytes - i), bytes + i));
      for (const payload of payloads) batch.add(payload, 0, payload.length, index++, 90, 0);
      socket.sent.clear();
      expect(path.forward(batch, group, 0)).toBe(count);
      for (const [i, datagram] of (socket.sent.get(1) ?? []).entries()) {
        const payload = payloads[i] as Buffer;
        const end = receiver.unprotect(datagram, 0, datagram.length, 12, 65_530 + index - count + i);
        expect(end).toBe(12 + payload.length);
        expect(datagram.subarray(12, end).equals(payload)).toBe(true);
      }
    }
  }
});

test('the keystream is that of RFC 3711, appendix B.2, and the tag HMAC-SHA1', () => {
  const wasm = create(16);
  const authentication = createSecretKey(Buffer.from('94C0 94C1'.repeat(5).replaceAll(' ', ''), 'hex'));
  const session = wasm.openSession({
    encryption: Buffer.from('2B7E151628AED2A6ABF7158809CF4F3C', 'hex'),
    authentication,
    salt: Buffer.from('F0F1F2F3F4F5F6F7F8F9FAFBFCFD', 'hex'),
  });
  if (session === undefined) throw new Error('there is room');
  const leg = new Leg({
    table: new LegTable(),
    channel: 0,
    ssrc: 0,
    payloadType: 96,
    codec: { name: 'H264', clockRate: 90_000, fmtp: '' },
    counters: new Float64Array(SESSION_DOUBLES),
    track: 0,
    joinedAtMs: 0,
  });
  leg.startAt(0);
  const batch = new PacketBatch(1);
  batch.add(Buffer.alloc(48), 0, 48, 0, 0, 0);
  wasm.load(batch, 0, 1, batch.timestamp, 1472);
  wasm.setLeg(0, leg, session);
  wasm.protect(1);
  const datagram = wasm.datagram(0);
  expect(datagram.subarray(12, 60).toString('hex').toUpperCase()).toBe(
    'E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0',
  );
  const mac = createHmac('sha1', authentication).update(datagram.subarray(0, 60)).update(Buffer.alloc(4)).digest();
  expect(datagram.subarray(60)).toEqual(mac.subarray(0, 10));
});

test('a session that ended leaves no key behind, and its row is used again', () => {
  const wasm = create(16);
  const keys = {
    encryption: Buffer.alloc(16, 1),
    authentication: createSecretKey(Buffer.alloc(20, 2)),
    salt: Buffer.alloc(14, 0x77),
  };
  const session = wasm.openSession(keys);
  if (session === undefined) throw new Error('there is room');
  const memory = Buffer.from(wasm.pool.bytes.buffer);
  const holdsSalt = () => memory.includes(Buffer.alloc(14, 0x77));
  expect(holdsSalt()).toBe(true);
  wasm.closeSession(session);
  expect(holdsSalt()).toBe(false);
  expect(memory.includes(Buffer.alloc(20, 2))).toBe(false);
  expect(wasm.openSession(keys)?.row).toBe(session.row);
});

test('in the steady state the heap does not grow: all that is left of a packet is garbage', () => {
  const wasm = create(64);
  const path = new PortableFastPath(
    wasm.pool,
    { queued: 0, send() {}, sendWhole() {} },
    new Telemetry(Telemetry.allocate()),
    wasm,
  );
  const spec = { profile: 1, out: 0, startAt: 0, timestampOffset: 0, payloadType: 100 } as const;
  const counters = new SharedArrayBuffer(MAX_LEGS * SESSION_DOUBLES * 8);
  const group = makeLegs(path, new LegTable(), counters, [spec, spec, spec, spec], 9);
  const batch = batchOf(Array.from({ length: 5 }, () => ({ bytes: 1165, step: 1, timestamp: 5, flags: 0 })));
  const forward = (times: number) => {
    for (let i = 0; i < times; i++) path.forward(batch, group, i);
  };
  forward(5000); // optimised code first
  // What a packet leaves shows in every round; what the engine's compiler leaves does not.
  const grown = Array.from({ length: 6 }, () => {
    collectGarbage();
    const before = process.memoryUsage();
    forward(1000);
    collectGarbage();
    const after = process.memoryUsage();
    return [after.heapUsed - before.heapUsed, after.arrayBuffers - before.arrayBuffers] as const;
  });
  const packets = 1000 * 4 * 5;
  expect(Math.min(...grown.map(([heap]) => heap)) / packets).toBeLessThan(1);
  expect(Math.min(...grown.map(([, buffers]) => buffers)) / packets).toBeLessThan(1);
});
