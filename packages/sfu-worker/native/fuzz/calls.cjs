// Calls everything that the addon exports with whatever JavaScript can pass: other types, detached, shared, resizable and
// odd views, other receivers, getters that take memory away. A wrong access is the sanitizer's to find; here it only must
// not end the process.
//
//   node --expose-gc calls.cjs <addon> <seconds> <seed>
const net = require('node:net');
const { Worker, isMainThread, workerData } = require('node:worker_threads');

/** @param {number} state @returns {(limit: number) => number} whole numbers of [0, limit) (mulberry32) */
function randomFrom(state) {
  let at = state >>> 0;
  return (limit) => {
    at = (at + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(at ^ (at >>> 15), at | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

function fuzz(
  /** @type {[path: string, seconds: number, seed: number, pems: string[]]} */ [path, seconds, seed, pems],
) {
  const addon = require(path);
  const below = randomFrom(seed);
  const of = (/** @type {any[]} */ values) => values[below(values.length)];
  const memory = (/** @type {number} */ bytes) =>
    of([
      () => new ArrayBuffer(bytes),
      () => new SharedArrayBuffer(bytes),
      // @ts-expect-error: newer than the types
      () => new ArrayBuffer(bytes, { maxByteLength: bytes * 2 + 8 }),
      // @ts-expect-error: newer than the types
      () => new SharedArrayBuffer(bytes, { maxByteLength: bytes * 2 + 8 }),
    ])();
  /** Views by kind: of the memory's length, of its middle, at odd offsets; some of memory that is gone or smaller by now. */
  const view = (/** @type {number} */ bytes) => {
    const Kind = of([
      Uint8Array,
      Uint8Array,
      Float64Array,
      Float64Array,
      Int32Array,
      Int32Array,
      Int8Array,
      Uint16Array,
      BigInt64Array,
    ]);
    const buffer = memory(Math.ceil(bytes / 8) * 8);
    const size = Kind.BYTES_PER_ELEMENT;
    const from = below(2) ? 0 : below(Math.floor(buffer.byteLength / size) + 1) * size;
    const made = below(2)
      ? new Kind(buffer, from)
      : new Kind(buffer, from, below((buffer.byteLength - from) / size + 1));
    const fate = below(8);
    if (fate === 0 && buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
    // @ts-expect-error: newer than the types
    if (fate === 1 && buffer instanceof ArrayBuffer && buffer.resizable) buffer.resize(below(buffer.byteLength + 1));
    // @ts-expect-error: newer than the types
    if (fate === 2 && !(buffer instanceof ArrayBuffer) && buffer.growable) buffer.grow(buffer.byteLength + 8);
    if (made.length > 0 && fate > 3 && made instanceof Float64Array) {
      for (let i = 0; i < made.length; i++) made[i] = number();
    }
    return made;
  };
  const number = () =>
    of([
      0,
      1,
      2,
      7,
      8,
      16,
      64,
      96,
      127,
      128,
      255,
      1200,
      65_535,
      65_536,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 48 - 1,
      2 ** 53,
      -1,
      -0,
      0.5,
      NaN,
      Infinity,
      -Infinity,
      1e300,
    ]);
  const text = () =>
    of([
      '127.0.0.1',
      '::1',
      '::ffff:127.0.0.1',
      'fe80::1%lo',
      '',
      '\0',
      '127.0.0.1\0x',
      '\ud800',
      'x'.repeat(100_000),
      '%'.repeat(300),
      ':',
    ]);
  /** @type {() => any} */
  const junk = () =>
    of([
      number,
      number,
      text,
      text,
      () => view(of([0, 1, 12, 16, 20, 64, 256, 1500, 4096])),
      () => view(of([0, 1, 12, 16, 20, 64, 256, 1500, 4096])),
      () => Buffer.alloc(below(2000)),
      () => new DataView(memory(64)),
      () => memory(64),
      () => undefined,
      () => null,
      () => true,
      () => 10n,
      () => Symbol('x'),
      () => ({}),
      () => [],
      () => () => {},
      () => new Proxy([], {}),
      () => [Buffer.alloc(8), undefined, Buffer.alloc(1500)],
      () => of(objects),
      () => Object.create(of(objects)),
    ])();
  const open = (/** @type {object} */ more = {}) =>
    new addon.UdpSocket({
      host: '127.0.0.1',
      port: 0,
      bufferBytes: 65_536,
      queueBytes: 65_536,
      offload: true,
      memory: new Uint8Array(16 * 65_536),
      ...more,
    });
  const counters = new Float64Array(new SharedArrayBuffer(8 * 64));
  const call = new Float64Array(new SharedArrayBuffer(8 * addon.layout.callDoubles));
  const socket = open();
  const fanOut = new addon.FanOut(socket, counters, call);
  const opener = new addon.SrtpOpener(7, Buffer.alloc(16), Buffer.alloc(20), Buffer.alloc(12));
  const context = new addon.DtlsContext(pems[0], pems[1]);
  const digest = Buffer.alloc(32, 7);
  const handshake = (/** @type {boolean} */ isServer) =>
    new addon.DtlsHandshake(context, isServer, [7, 1], 'sha-256', digest);
  const closed = open();
  closed.close();
  /** @type {any[]} */
  const objects = [socket, fanOut, opener, closed, context, handshake(true), handshake(false)];
  const standing = objects.length;
  const keys = [Buffer.alloc(16, 1), Buffer.alloc(20, 2), Buffer.alloc(12, 3)];
  fanOut.setDestination(fanOut.openChannel(7, ...keys), '127.0.0.1', socket.port);
  const methods = [
    addon.UdpSocket,
    addon.FanOut,
    addon.SrtpOpener,
    addon.StreamSocket,
    addon.DtlsContext,
    addon.DtlsHandshake,
  ].flatMap(({ prototype }) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { value, get, set }]) =>
      // Started below, once: the loop would keep the process.
      ['constructor', 'start', 'close'].includes(name)
        ? []
        : [value, get, set].filter((each) => typeof each === 'function'),
    ),
  );
  /** A descriptor that may be none, or one of a TCP connection whose peer sends. */
  const stream = (/** @type {number} */ descriptor, /** @type {object} */ more = {}) =>
    new addon.StreamSocket({
      descriptor,
      claim: new Int32Array(new SharedArrayBuffer(4)),
      memory: new Uint8Array(4096),
      onRead: () => below(8) === 0 && attempt(() => objects.at(-1).close()),
      onWritable: () => {},
      ...more,
    });
  const server = net
    .createServer((peer) => {
      peer.on('error', () => {}).write(Buffer.alloc(100_000));
      // Node's, and undocumented.
      const descriptor = addon.duplicateDescriptor(/** @type {any} */ (peer)._handle.fd);
      attempt(() => stream(descriptor, { claim: Int32Array.of(1) }));
      attempt(() => stream(descriptor, { [of(['claim', 'memory', 'onRead', 'onWritable'])]: 0 }));
      const opened = stream(descriptor);
      for (let i = 0; i < 50; i++) {
        attempt(() => Reflect.apply(of([opened.send, opened.watch]), opened, [junk(), junk()]));
      }
      opened.watch(true, below(2) === 0);
      if (objects.length > standing + 8) objects.splice(standing, 1)[0].close();
      objects.push(opened);
      peer.destroySoon();
    })
    .listen(0, '127.0.0.1');
  const attempt = (/** @type {() => unknown} */ action) => {
    try {
      return action();
    } catch {
      return undefined; // an exception is an answer
    }
  };
  const packetBytes = addon.layout.batchPacketBytes;
  /** A call that would be right but for some arguments. */
  const forward = () => {
    const capacity = 1 + below(4);
    const columns = new Uint8Array(capacity * packetBytes);
    const ends = new Int32Array(columns.buffer, 20 * capacity, capacity);
    const times = new Float64Array(columns.buffer, 0, 2 * capacity);
    for (let i = 0; i < capacity; i++) ends[i] = below(1500);
    for (let i = 0; i < 2 * capacity; i++) times[i] = below(8) ? i : number();
    const payloads = Array.from({ length: capacity }, () => Buffer.allocUnsafeSlow(below(1500)));
    const rows = new Float64Array(8 * 3);
    const ids = Int32Array.of(0, 1, 2, below(8) ? 0 : -1);
    for (let i = 0; i < 24; i++) rows[i] = below(3) ? 0 : number();
    /** @type {any[]} */
    const given = [
      columns,
      below(2) ? payloads : payloads[0],
      rows,
      ids,
      below(2) ? undefined : new Float64Array(capacity),
    ];
    if (below(64) === 0) {
      // Takes memory away that the call may have looked at already, and frees it.
      const victim = of([columns, rows, ids, payloads[0]]);
      Object.defineProperty(payloads, below(capacity), {
        get: () => {
          structuredClone(victim.buffer, { transfer: [victim.buffer] });
          globalThis.gc?.();
          return Buffer.alloc(1500);
        },
      });
    }
    if (below(2)) given[below(given.length)] = junk();
    call[addon.layout.callPackets] = below(8) ? capacity : number();
    call[addon.layout.callLegs] = below(8) ? 4 : number();
    call[addon.layout.callNowMs] = number();
    fanOut.forward(...given);
  };
  /** A handshake, with calls in between that are not right, and arguments that take each other's memory away. */
  const talk = () => {
    const [server, client] = [handshake(true), handshake(false)];
    client.start();
    for (let i = 0; i < 8; i++) {
      for (const [from, to] of [
        [client, server],
        [server, client],
      ]) {
        for (let datagram = from.take(); datagram !== undefined; datagram = from.take()) {
          if (below(8) === 0) attempt(() => to.feed(junk(), junk(), junk()));
          const end = below(8) ? datagram.length : number();
          attempt(() => to.feed(datagram, below(8) ? 0 : number(), end));
        }
        from.tick();
      }
      if (below(10) === 0) server.free();
    }
    server.keys();
    client.keys();
    const doomed = Buffer.from(new ArrayBuffer(32));
    const profiles = Object.defineProperty([7, 1], 0, {
      get: () => {
        structuredClone(doomed.buffer, { transfer: [doomed.buffer] });
        globalThis.gc?.();
        return 7;
      },
    });
    attempt(() => new addon.DtlsHandshake(context, true, profiles, 'sha-256', doomed));
    const given = [context, true, [7, 1], 'sha-256', digest];
    given[below(given.length)] = junk();
    objects[5 + below(2)] = attempt(() => Reflect.construct(addon.DtlsHandshake, given)) ?? server;
  };
  const out = new Int32Array(16 * 64 * 4);
  socket.start(() => socket.receive(out));
  const end = Date.now() + seconds * 1000;
  let calls = 0;
  const turn = () => {
    for (let i = 0; i < 500; i++, calls++) {
      attempt(forward);
      attempt(() =>
        Reflect.apply(of(methods), below(4) ? of(objects) : junk(), Array.from({ length: below(8) }, junk)),
      );
      attempt(() =>
        Reflect.apply(
          fanOut.openChannel,
          fanOut,
          [of([1, 7, number()]), ...keys].map((each) => (below(4) ? each : junk())),
        ),
      );
      attempt(() =>
        Reflect.apply(opener.unprotect, opener, [view(1500), below(20), below(1600), below(20), below(9), below(9)]),
      );
      attempt(() => fanOut.closeChannel(1 + below(300)));
      attempt(() => addon.duplicateDescriptor(of([-1, NaN, undefined, {}, 2 ** 31])));
      if (below(16) === 0) {
        attempt(() =>
          Reflect.construct(
            of([addon.UdpSocket, addon.FanOut, addon.SrtpOpener, addon.DtlsContext, addon.DtlsHandshake]),
            [junk(), junk(), junk(), junk(), junk()],
          ),
        );
        attempt(() => Reflect.construct(addon.FanOut, [socket, view(512), view(512)], of([addon.UdpSocket, Object])));
        attempt(() =>
          open({ [of(['host', 'port', 'bufferBytes', 'queueBytes', 'offload', 'memory'])]: junk() }).close(),
        );
        attempt(() => addon.UdpSocket(junk()));
        attempt(talk);
        attempt(() => stream(of([-1, NaN, 2 ** 30, 2 ** 31, 1.5])));
        attempt(() => addon.StreamSocket(junk()));
        attempt(() => new addon.StreamSocket(junk()));
      }
    }
    const address = server.address();
    if (address !== null && typeof address === 'object')
      net
        .connect(address.port, '127.0.0.1')
        .on('error', () => {})
        .resume();
    if (Date.now() < end) return void setImmediate(turn);
    socket.close();
    server.close();
    for (const each of objects) attempt(() => each.close());
    if (isMainThread) console.log(`${calls} turns of calls, seed ${seed}`);
  };
  turn();
}

async function main() {
  const [path, seconds, seed] = process.argv.slice(2);
  const { CipherContext, HashAlgorithm, NamedCurveAlgorithm, SignatureAlgorithm } = require('werift');
  const { certPem, keyPem } = await CipherContext.createSelfSignedCertificateWithKey(
    { hash: HashAlgorithm.sha256_4, signature: SignatureAlgorithm.ecdsa_3 },
    NamedCurveAlgorithm.secp256r1_23,
  );
  let next = Number(seed);
  fuzz([path ?? '', Number(seconds), next, [certPem, keyPem]]);
  // Other threads have addons of their own, and are ended in the middle.
  const spawn = () => {
    const worker = new Worker(__filename, { workerData: [path, 3600, ++next, [certPem, keyPem]] });
    worker.on('exit', () => Date.now() < end && spawn());
    setTimeout(() => worker.terminate(), 400 + (next % 7) * 13);
  };
  const end = Date.now() + Number(seconds) * 1000;
  spawn();
}

if (isMainThread) void main();
else fuzz(workerData);
