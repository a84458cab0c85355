import { writeResponse } from '@shardcast/shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type InterleavedFault, InterleavedParser, MAX_GARBAGE_BYTES } from './interleaved.ts';

const READ_BYTES = 64 * 1024;

type Event = { channel: number; packet: string } | { status: number } | { request: string };

/** Reads through one buffer that is overwritten after each read, and looks at views only when they are given back. */
class Reader {
  readonly events: Event[] = [];
  readonly parser: InterleavedParser;
  flushes = 0;
  #borrowed: { channel: number; buffer: Buffer; start: number; end: number; early: string }[] = [];
  readonly #buffer = Buffer.alloc(READ_BYTES);
  constructor(channels: readonly number[] = [0, 1, 2, 3]) {
    this.parser = new InterleavedParser({
      frame: (channel, buffer, start, end) => {
        this.#borrowed.push({ channel, buffer, start, end, early: buffer.toString('hex', start, end) });
      },
      message: (message) => {
        this.#giveBack();
        this.events.push(message.kind === 'response' ? { status: message.status } : { request: message.method });
      },
      flush: () => {
        this.flushes++;
        this.#giveBack();
      },
    });
    for (const channel of channels) this.parser.use(channel);
  }
  #giveBack(): void {
    for (const { channel, buffer, start, end, early } of this.#borrowed.splice(0)) {
      const packet = buffer.toString('hex', start, end);
      if (packet !== early) throw new Error('a view changed before it was given back');
      this.events.push({ channel, packet });
    }
  }
  feed(bytes: Buffer, cuts: readonly number[] = []): InterleavedFault | undefined {
    const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
    let start = 0;
    for (const end of [...ends, bytes.length]) {
      for (; start < end; ) {
        const next = Math.min(end, start + READ_BYTES - 7);
        bytes.copy(this.#buffer, 7, start, next); // not at 0: offsets must count
        const fault = this.parser.feed(this.#buffer, 7, 7 + next - start);
        if (this.#borrowed.length > 0) throw new Error('a view was not given back');
        this.#buffer.fill(0xee);
        if (fault !== undefined) return fault;
        start = next;
      }
    }
    return undefined;
  }
}

const frame = (channel: number, packet: Buffer) => {
  const header = Buffer.from([0x24, channel, 0, 0]);
  header.writeUInt16BE(packet.length, 2);
  return Buffer.concat([header, packet]);
};
/** Looks like RTP: what the parser searches for when it has lost its place. */
const rtp = (length: number, fill = 0) => {
  const packet = Buffer.alloc(length, fill);
  packet[0] = 0x80;
  return packet;
};
const answer = (status: number, body = '') =>
  writeResponse({ status, reason: 'OK', headers: [['cseq', '1']], body: Buffer.from(body) });

const part = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ channel: fc.integer({ min: 0, max: 5 }), packet: fc.uint8Array({ maxLength: 40 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ status: fc.integer({ min: 200, max: 599 }), body: fc.string({ maxLength: 9 }) }),
  },
);

test('however a stream is cut, the same frames and messages come out of it, unchanged until given back', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 30 }), (parts, cuts) => {
      const bytes = parts.map((one) =>
        'channel' in one ? frame(one.channel, Buffer.from(one.packet)) : answer(one.status, one.body),
      );
      const reader = new Reader();
      expect(reader.feed(Buffer.concat(bytes), cuts)).toBeUndefined();
      const expected = parts.flatMap((one): Event[] => {
        if (!('channel' in one)) return [{ status: one.status }];
        return one.channel > 3 ? [] : [{ channel: one.channel, packet: Buffer.from(one.packet).toString('hex') }];
      });
      expect(reader.events).toEqual(expected);
      expect(reader.parser.counters.unknownChannel).toBe(parts.length - expected.length);
    }),
    { numRuns: 500 },
  );
});

test('byte by byte gives the same as at once', () => {
  const bytes = Buffer.concat([
    answer(200),
    frame(0, rtp(2000)),
    frame(9, rtp(5)),
    frame(1, Buffer.alloc(0)),
    answer(201, 'x'),
  ]);
  const atOnce = new Reader();
  atOnce.feed(bytes);
  const byByte = new Reader();
  byByte.feed(bytes, [...bytes.keys()]);
  expect(atOnce.events).toHaveLength(4);
  expect(byByte.events).toEqual(atOnce.events);
});

test('the largest frame comes through, and what it needs is all that is ever kept', () => {
  const reader = new Reader();
  reader.feed(Buffer.concat([frame(0, rtp(65_535, 1)), frame(0, rtp(65_535, 2)), frame(2, rtp(12))]), [3, 70_000]);
  expect(reader.events.map((event) => 'packet' in event && event.packet.length / 2)).toEqual([65_535, 65_535, 12]);
  expect(reader.parser.carryCapacity).toBeLessThanOrEqual(128 * 1024);
  const small = new Reader();
  small.feed(Buffer.concat([frame(0, rtp(1400)), frame(0, rtp(1400))]), [100, 2000]);
  expect(small.parser.carryCapacity).toBe(2048);
  expect(new Reader().parser.carryCapacity).toBe(0);
});

test('empty lines between messages are ignored', () => {
  const reader = new Reader();
  reader.feed(Buffer.concat([Buffer.from('\r\n\r\n'), answer(200), Buffer.from('\r\n'), frame(0, rtp(12))]));
  expect(reader.events).toHaveLength(2);
});

describe('after garbage', () => {
  const noise = Buffer.from([0x00, 0x24, 0xff, 0x24, 0x24, 0x00, 0x00, 0x00, 0x13, 0x24, 0x01]);
  test.for([
    ['the next frame', frame(2, rtp(300, 5)), { channel: 2, packet: rtp(300, 5).toString('hex') }],
    ['the next response', answer(454), { status: 454 }],
    ['the next request', Buffer.from('TEARDOWN * RTSP/1.0\r\n\r\n'), { request: 'TEARDOWN' }],
  ] as const)('%s is found, however it is cut', ([, next, event]) => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
        const reader = new Reader();
        const after = frame(0, rtp(20, 9));
        expect(reader.feed(Buffer.concat([frame(0, rtp(20)), noise, next, after]), cuts)).toBeUndefined();
        expect(reader.events.slice(1)).toEqual([event, { channel: 0, packet: rtp(20, 9).toString('hex') }]);
        expect(reader.parser.counters).toMatchObject({ resyncs: 1, garbageBytes: noise.length });
      }),
    );
  });

  test('that looked like text, the next frame is found', () => {
    const reader = new Reader();
    expect(reader.feed(Buffer.concat([Buffer.from('GARBAGE not RTSP\n\x01'), frame(0, rtp(20))]))).toBeUndefined();
    expect(reader.events).toHaveLength(1);
  });

  test('that does not end, the connection is given up', () => {
    for (const byte of [0x00, 0x24, 0x0a, 0x41]) {
      const reader = new Reader();
      const endless = Buffer.alloc(4 * MAX_GARBAGE_BYTES, byte);
      // `$$$$…` and a header that never ends are themselves bounded: a frame of an unknown channel, a header's limit.
      const fault = reader.feed(endless);
      if (byte === 0x24) expect(reader.parser.counters.unknownChannel).toBeGreaterThan(0);
      else expect(fault).toBe('garbage');
    }
  });

  test('before any channel is in use, the connection is given up at once', () => {
    expect(new Reader([]).feed(Buffer.from([0x16, 0x03, 0x01]))).toBe('bad-start-line');
    expect(new Reader([]).feed(Buffer.from('GET / HTTP/1.1\r\n'))).toBe('bad-start-line');
  });
});

test('nothing is handed on after stop', () => {
  const reader: Reader = new Reader();
  reader.parser.stop();
  reader.feed(Buffer.concat([frame(0, rtp(12)), answer(200)]));
  expect(reader.events).toEqual([]);
});

test('mutated streams give frames, messages or declared faults, and views stay valid', () => {
  const seed = Buffer.concat([
    answer(200, 'body'),
    ...[0, 1, 2, 3].map((channel) => frame(channel, rtp(60, channel))),
    answer(200),
  ]);
  const declared = new Set<string | undefined>([
    ...[undefined, 'garbage', 'header-too-large', 'too-many-headers', 'bad-start-line'],
    ...['bad-header', 'bad-content-length', 'body-too-large'],
  ]);
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 10_000; round++) {
    const bytes = Buffer.concat([seed, seed]);
    for (let change = 0; change <= random(6); change++)
      bytes[random(bytes.length)] = random(4) === 0 ? 0x24 : random(256);
    const reader = new Reader(round % 2 === 0 ? [0, 1, 2, 3] : []);
    expect(declared.has(reader.feed(bytes, [random(bytes.length), random(bytes.length)]))).toBe(true);
  }
});
