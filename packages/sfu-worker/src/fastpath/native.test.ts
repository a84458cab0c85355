import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SESSION_DOUBLES, Telemetry } from '@shardcast/shared';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { batchOf, legs, MAX_LEGS, makeLegs, packets } from '../../test/fastpath/traffic.ts';
import { LEG, LegTable } from '../forward/leg-table.ts';
import { PacketBatch } from '../forward/packet-batch.ts';
import { PacketPool } from '../forward/packet-pool.ts';
import { SrtpSender } from '../session/srtp/protect.ts';
import { SrtpReceiver } from '../session/srtp/unprotect.ts';
import { NativeFastPath } from './native.ts';
import { CALL, loadNativeAddon, type NativeAddon, RECEIVE_BYTES } from './native-addon.ts';
import { NativeDatagramSocket } from './native-datagram-socket.ts';
import { PortableFastPath } from './portable.ts';

const loaded = loadNativeAddon();
const log = { error() {}, warn() {}, info() {}, debug() {} };
const LEGS = 4;

describe.skipIf('reason' in loaded)('the addon', () => {
  let addon: NativeAddon;
  let sink: Socket;
  let port: number;
  const received: Buffer[] = [];

  beforeAll(async () => {
    if ('reason' in loaded) throw new Error(loaded.reason);
    addon = loaded.addon;
    sink = createSocket('udp4');
    sink.on('message', (datagram) => received.push(datagram));
    sink.bind(0, '127.0.0.1');
    await once(sink, 'listening');
    sink.setRecvBufferSize(4 << 20);
    port = sink.address().port;
  });
  afterAll(() => sink?.close());

  function openNative(telemetry: Telemetry, counters: SharedArrayBuffer, table: LegTable, host = '127.0.0.1') {
    const socket = new NativeDatagramSocket(addon, { host, port: 0, queueBytes: 1 << 20 }, { telemetry, log });
    return { socket, path: new NativeFastPath({ addon, socket, sessionCounters: counters, legs: table, telemetry }) };
  }

  test('puts the same bytes on the wire and leaves the same counters as the portable path', async () => {
    await fc.assert(
      fc.asyncProperty(packets, legs(LEGS), fc.boolean(), async (packetSpecs, legSpecs, withTimestamps) => {
        const batch = batchOf(packetSpecs);
        const timestamps = withTimestamps ? batch.timestamp.map((each) => (each * 7) % 0x1_0000_0000) : undefined;

        const expected: Buffer[] = [];
        const portableCounters = new SharedArrayBuffer(LEGS * SESSION_DOUBLES * 8);
        const portableTelemetry = new Telemetry(Telemetry.allocate());
        const out = {
          queued: 0,
          send: (bytes: Buffer, start: number, length: number) =>
            void expected.push(Buffer.from(bytes.subarray(start, start + length))),
          sendWhole: () => expect.unreachable('the reference is TypeScript alone'),
        };
        const portable = new PortableFastPath(new PacketPool(64), out, portableTelemetry);
        const reference = makeLegs(portable, new LegTable(), portableCounters, legSpecs, port);
        const sentByReference = portable.forward(batch, reference, 1234, timestamps);

        received.length = 0;
        const nativeCounters = new SharedArrayBuffer(LEGS * SESSION_DOUBLES * 8);
        const telemetry = new Telemetry(Telemetry.allocate());
        const table = new LegTable();
        const { socket, path } = openNative(telemetry, nativeCounters, table);
        const group = makeLegs(path, table, nativeCounters, legSpecs, port);
        expect(path.forward(batch, group, 1234, timestamps)).toBe(sentByReference);
        await vi.waitFor(() => expect(received.length).toBe(expected.length), { interval: 1 });
        socket.close();

        expect(received).toEqual(expected);
        expect(new Float64Array(nativeCounters)).toEqual(new Float64Array(portableCounters));
        expect(telemetry.worker('droppedTooBig')).toBe(portableTelemetry.worker('droppedTooBig'));
      }),
      { numRuns: 150 },
    );
  });

  test("protects RFC 7714's packet as its §16.1.1 has it", async () => {
    const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
    const call = new Float64Array(new SharedArrayBuffer(CALL.DOUBLES * 8));
    const { socket } = openNative(
      new Telemetry(Telemetry.allocate()),
      new SharedArrayBuffer(SESSION_DOUBLES * 8),
      new LegTable(),
    );
    const fanOut = new addon.FanOut(socket.native, new Float64Array(new SharedArrayBuffer(24 * 8)), call);
    const key = hex('000102030405060708090a0b0c0d0e0f');
    const salt = hex('517569642070726f2071756f'); // "Quid pro quo"
    fanOut.setDestination(fanOut.openChannel(7, key, Buffer.alloc(20), salt), '127.0.0.1', port);
    const payload = Buffer.from('Gallia est omnis divisa in partes tres');
    const batch = new PacketBatch(1);
    batch.add(payload, 0, payload.length, 0xf17b, 0x8041f8d3, 0);
    const rows = new Float64Array(8);
    rows[LEG.SSRC] = 0x5501a0b2;
    rows[LEG.PAYLOAD_TYPE] = 0x40;
    call[CALL.PACKETS] = call[CALL.LEGS] = 1;
    received.length = 0;
    expect(fanOut.forward(batch.columns, batch.buffers, rows, new Int32Array(1), undefined)).toBe(true);
    await vi.waitFor(() => expect(received).toHaveLength(1), { interval: 1 });
    expect(received[0]).toEqual(
      hex(`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
        51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`),
    );
    socket.close();
  });

  test('leaves nothing on the heap for a packet', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void; // as the flag promises
    const telemetry = new Telemetry(Telemetry.allocate());
    const counters = new SharedArrayBuffer(MAX_LEGS * SESSION_DOUBLES * 8);
    const table = new LegTable();
    const { socket, path } = openNative(telemetry, counters, table);
    const spec = { profile: 7, out: 5, startAt: 0, timestampOffset: 9, payloadType: 96 } as const;
    const unused = createSocket('udp4').bind(0, '127.0.0.1'); // takes them and reads none
    await once(unused, 'listening');
    const group = makeLegs(path, table, counters, new Array(MAX_LEGS).fill(spec), unused.address().port);
    const batch = batchOf(new Array(4).fill({ bytes: 1165, step: 1, timestamp: 7, flags: 0 }));
    const run = (calls: number) => {
      let sent = 0;
      for (let i = 0; i < calls; i++) sent += path.forward(batch, group, i);
      return sent;
    };
    run(2000);
    // What a packet leaves shows in every round; what the engine's compiler leaves does not.
    const grown: number[] = [];
    for (let round = 0; round < 6; round++) {
      collect();
      const before = process.memoryUsage().heapUsed;
      const sent = run(500);
      grown.push((process.memoryUsage().heapUsed - before) / sent);
      expect(sent).toBe(500 * MAX_LEGS * 4);
    }
    socket.close();
    unused.close();
    expect(Math.min(...grown)).toBeLessThan(1);
  });

  test('sends a frame whose last packet is shorter, and one whose middle is, over IPv6 as it was', async () => {
    const sink6 = createSocket('udp6');
    const got: Buffer[] = [];
    sink6.on('message', (datagram) => got.push(datagram));
    sink6.bind(0, '::1');
    await once(sink6, 'listening');
    const telemetry = new Telemetry(Telemetry.allocate());
    const counters = new SharedArrayBuffer(SESSION_DOUBLES * 8);
    const table = new LegTable();
    const { socket, path } = openNative(telemetry, counters, table, '::1');
    expect(socket.family).toBe(6);
    const spec = { profile: 7, out: 5, startAt: 0, timestampOffset: 9, payloadType: 96 } as const;
    const group = makeLegs(path, table, counters, [spec], sink6.address().port);
    path.setDestination(0, { address: '::1', port: sink6.address().port });
    const sizes = [1165, 1165, 1165, 400, 1165, 1, 1165, 1166, 1166];
    const packets = sizes.map((bytes) => ({ bytes, step: 1, timestamp: 7, flags: 0 as const }));
    expect(path.forward(batchOf(packets), group, 1)).toBe(sizes.length);
    await vi.waitFor(() => expect(got.length).toBe(sizes.length), { interval: 1 });
    expect(got.map((datagram) => datagram.length - 12 - 16)).toEqual(sizes);
    expect(got.map((datagram) => datagram.readUInt16BE(2))).toEqual(
      sizes.map((_, i) => (got[0]?.readUInt16BE(2) ?? 0) + i),
    );
    socket.close();
    sink6.close();
  });

  test.each([1, 7] as const)('opens what it was sent under profile %i, and nothing that was changed', (profile) => {
    const key = randomBytes(16).toString('base64');
    const salt = randomBytes(profile === 7 ? 12 : 14).toString('base64');
    const telemetry = new Telemetry(Telemetry.allocate());
    const { socket, path } = openNative(telemetry, new SharedArrayBuffer(SESSION_DOUBLES * 8), new LegTable());
    const receiver = new SrtpReceiver(profile, key, salt, path.opener(profile, key, salt));
    const sender = new SrtpSender(profile, key, salt);
    for (const index of [0, 1, 65_535, 65_536, 2 ** 48 - 1]) {
      const packet = Buffer.alloc(1200, index & 0xff);
      packet.writeUInt16BE(index % 0x1_0000, 2);
      const plain = Buffer.from(packet.subarray(0, 1165));
      const length = sender.protect(packet, 0, 12, 1165, index);
      const forged = Buffer.from(packet);
      forged[600] = (forged[600] as number) ^ 1;
      expect(receiver.unprotect(forged, 0, length, 12, index)).toBe(-1);
      const otherRollover = index < 65_536 ? index + 65_536 : index - 65_536;
      expect(receiver.unprotect(Buffer.from(packet), 0, length, 12, otherRollover)).toBe(-1);
      expect(receiver.unprotect(packet, 0, length, 12, index)).toBe(1165);
      expect(packet.subarray(0, 1165)).toEqual(plain);
    }
    socket.close();
  });

  test('says why it cannot bind as node:dgram does', () => {
    const memory = Buffer.alloc(RECEIVE_BYTES);
    const options = { host: '127.0.0.1', bufferBytes: 65_536, queueBytes: 65_536, offload: true, memory };
    expect(() => new addon.UdpSocket({ ...options, port })).toThrow(`bind EADDRINUSE 127.0.0.1:${port}`);
    expect(() => new addon.UdpSocket({ ...options, port, host: 'nowhere' })).toThrow('bind EINVAL');
  });

  test('refuses or skips whatever makes no sense, and never follows it', () => {
    const memory = Buffer.alloc(RECEIVE_BYTES);
    const socket = new addon.UdpSocket({
      host: '127.0.0.1',
      port: 0,
      bufferBytes: 65_536,
      queueBytes: 65_536,
      offload: true,
      memory,
    });
    const shared = (doubles: number) => new Float64Array(new SharedArrayBuffer(8 * doubles));
    const call = shared(CALL.DOUBLES);
    const fanOut = new addon.FanOut(socket, shared(24), call);
    expect(() => new addon.FanOut(socket, new Float64Array(24), call)).toThrow('shared');
    expect(() => new addon.FanOut(socket, shared(24), shared(CALL.DOUBLES - 1))).toThrow('shared');
    const channel = fanOut.openChannel(7, Buffer.alloc(16), Buffer.alloc(20), Buffer.alloc(12));
    fanOut.setDestination(channel, '127.0.0.1', port);
    const odd = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.constantFrom(0, 1, 3, -1, 2 ** 31, 2 ** 32, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY),
    );
    const junk = fc.oneof(fc.anything({ withTypedArray: true }), fc.constant(undefined));
    fc.assert(
      fc.property(
        fc.array(odd, { minLength: 8, maxLength: 32 }),
        fc.array(fc.integer(), { minLength: 1, maxLength: 8 }),
        fc.array(odd, { minLength: 10, maxLength: 10 }),
        fc.array(junk, { minLength: 5, maxLength: 5 }),
        fc.integer({ min: 0, max: 31 }),
        fc.constantFrom(undefined, Number.NaN, -1, 0, 0.5, 5, 2 ** 53),
        (rows, ids, columns, replacements, mask, oddCount) => {
          const batch = new PacketBatch(4);
          for (let i = 0; i < 4; i++) {
            batch.index[i] = columns[i] as number;
            batch.timestamp[i] = columns[i + 4] as number;
            batch.payloadStart[i] = columns[8] as number;
            batch.payloadEnd[i] = columns[9] as number;
            batch.buffers[i] = Buffer.alloc(i * 100);
          }
          call[CALL.PACKETS] = oddCount ?? 4;
          call[CALL.LEGS] = oddCount ?? ids.length;
          call[CALL.NOW_MS] = 0;
          const plain: unknown[] = [
            batch.columns,
            mask % 2 === 0 ? batch.buffers : batch.buffers[3],
            Float64Array.from(rows),
            Int32Array.from(ids),
            undefined,
          ];
          const given = plain.map((value, i) => ((mask >> i) & 1 ? replacements[i] : value));
          Reflect.apply(fanOut.forward, fanOut, given);
          Reflect.apply(fanOut.setDestination, fanOut, replacements.slice(0, 3));
          Reflect.apply(socket.send, socket, replacements.slice(0, 5));
          Reflect.apply(socket.know, socket, replacements.slice(0, 3));
          Reflect.apply(socket.receive, socket, replacements);
          Reflect.apply(socket.source, socket, replacements);
        },
      ),
      { numRuns: 2000 },
    );
    socket.close();
    call[CALL.PACKETS] = call[CALL.LEGS] = 1;
    const rest = [new Float64Array(8), new Int32Array(1), undefined] as const;
    expect(fanOut.forward(new Uint8Array(100), [Buffer.alloc(1)], ...rest)).toBe(true);
    expect(fanOut.forward(new Uint8Array(100), [], ...rest)).toBe(false);
  });

  test('looks memory up after a buffer list had its say: what a getter takes away is not touched', () => {
    const { socket } = openNative(
      new Telemetry(Telemetry.allocate()),
      new SharedArrayBuffer(SESSION_DOUBLES * 8),
      new LegTable(),
    );
    const call = new Float64Array(new SharedArrayBuffer(CALL.DOUBLES * 8));
    const counters = new Float64Array(new SharedArrayBuffer(24 * 8));
    const fanOut = new addon.FanOut(socket.native, counters, call);
    const columns = new Uint8Array(100);
    const buffers = [Buffer.alloc(0)];
    Object.defineProperty(buffers, 0, {
      get: () => {
        structuredClone(columns.buffer, { transfer: [columns.buffer] });
        return Buffer.alloc(8);
      },
    });
    call[CALL.PACKETS] = call[CALL.LEGS] = 1;
    expect(fanOut.forward(columns, buffers, new Float64Array(8), new Int32Array(1), undefined)).toBe(false);
    socket.close();
  });

  test('has no accessor, whose receiver nobody would check', () => {
    for (const { prototype } of [addon.UdpSocket, addon.FanOut, addon.SrtpOpener]) {
      for (const [name, { get, set }] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
        expect([name, get, set]).toEqual([name, undefined, undefined]);
    }
  });
});
