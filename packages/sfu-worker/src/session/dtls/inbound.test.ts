import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { fragment, record, type WholeMessage, wholeMessage } from '../../../test/session/dtls-records.ts';
import { DtlsInbound } from './inbound.ts';

const ALERT = 21;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const CERTIFICATE = 11;
const FINISHED = 20;

function receiver() {
  const records: Buffer[] = [];
  const alerts: Buffer[] = [];
  const drops = { count: 0 };
  const inbound = new DtlsInbound(
    (bytes) => records.push(bytes),
    (bytes) => alerts.push(bytes),
    () => drops.count++,
  );
  const messages = (): WholeMessage[] => records.filter((bytes) => bytes.readUInt16BE(3) === 0).map(wholeMessage);
  return { inbound, records, alerts, drops, messages };
}

const plain = (type: number, sequence: number, body: Buffer, from?: number, to?: number) =>
  record(HANDSHAKE, 0, fragment(type, sequence, body, from, to));

describe('handshake messages', () => {
  test('come out whole, each once and in order, however they were cut, mixed and repeated', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 });
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
    fc.assert(
      fc.property(bodies, fc.array(cuts, { minLength: 16, maxLength: 16 }), fc.integer(), (made, places, seed) => {
        const random = new Seeded(seed);
        const sent = made.map((body, sequence) => ({
          type: CERTIFICATE + sequence,
          sequence,
          body: Buffer.from(body),
        }));
        const fragments: Buffer[] = [];
        for (const { type, sequence, body } of sent) {
          // Twice: a retransmission may be cut at other places.
          for (const each of [places[2 * sequence] ?? [], places[2 * sequence + 1] ?? []]) {
            const at = [0, ...each.map((part) => Math.floor(part * body.length)), body.length].sort((a, b) => a - b);
            at.forEach((from, i) => {
              const to = at[i + 1];
              if (to === undefined || (to === from && body.length > 0)) return;
              fragments.push(fragment(type === FINISHED ? 99 : type, sequence, body, from, to));
            });
          }
        }
        for (let i = fragments.length - 1; i > 0; i--) {
          const j = random.below(i + 1);
          [fragments[i], fragments[j]] = [fragments[j] as Buffer, fragments[i] as Buffer];
        }
        const { inbound, drops, messages } = receiver();
        while (fragments.length > 0) {
          const records: Buffer[] = [];
          for (let n = random.below(3); n >= 0; n--) {
            records.push(record(HANDSHAKE, 0, Buffer.concat(fragments.splice(0, 1 + random.below(3)))));
          }
          inbound.feed(Buffer.concat(records));
        }
        expect(messages()).toEqual(sent.map((each) => ({ ...each, type: each.type === FINISHED ? 99 : each.type })));
        expect(drops.count).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('a message in fragments of one byte each is put together', () => {
    const { inbound, messages } = receiver();
    const body = new Seeded(1).bytes(900);
    for (let at = 0; at < body.length; at++) inbound.feed(plain(CERTIFICATE, 0, body, at, at + 1));
    expect(messages()).toEqual([{ type: CERTIFICATE, sequence: 0, body }]);
  });

  test('the last fragment alone does not complete a message', () => {
    const { inbound, messages } = receiver();
    const body = Buffer.alloc(100, 7);
    inbound.feed(plain(CERTIFICATE, 0, body, 60, 100));
    inbound.feed(plain(CERTIFICATE, 0, body, 0, 30));
    expect(messages()).toEqual([]);
    inbound.feed(plain(CERTIFICATE, 0, body, 30, 60));
    expect(messages()).toEqual([{ type: CERTIFICATE, sequence: 0, body }]);
  });

  test('an empty message, such as ServerHelloDone, is whole', () => {
    const { inbound, messages } = receiver();
    inbound.feed(plain(14, 0, Buffer.alloc(0)));
    expect(messages()).toEqual([{ type: 14, sequence: 0, body: Buffer.alloc(0) }]);
  });

  test('the newest ClientHello may come again, since it asks for our flight; what is older may not', () => {
    const { inbound, messages } = receiver();
    const hello = (sequence: number) => plain(CLIENT_HELLO, sequence, Buffer.from('hello'));
    for (const sequence of [0, 0, 1, 1, 0]) inbound.feed(hello(sequence));
    expect(messages().map(({ sequence }) => sequence)).toEqual([0, 0, 1, 1]);
    inbound.feed(plain(CERTIFICATE, 2, Buffer.from('certificate')));
    inbound.feed(hello(1));
    expect(messages().map(({ type }) => type)).toEqual([1, 1, 1, 1, CERTIFICATE]);
  });

  test('what was kept does not change when the caller uses its memory again', () => {
    const { inbound, messages } = receiver();
    const first = plain(CERTIFICATE, 0, Buffer.from('abcdef'), 0, 3);
    inbound.feed(first);
    first.fill(0);
    inbound.feed(plain(CERTIFICATE, 0, Buffer.from('abcdef'), 3, 6));
    expect(messages()[0]?.body.toString()).toBe('abcdef');
  });
});

describe('refused and counted', () => {
  const body = Buffer.alloc(50, 1);
  const withField = (at: number, bytes: number, value: number) => {
    const bad = plain(CERTIFICATE, 0, body, 0, 50);
    bad.writeUIntBE(value, at, bytes);
    return bad;
  };
  test.each([
    ['a fragment of no bytes of a message that has some', plain(CERTIFICATE, 0, body, 10, 10)],
    ['a fragment over its message', withField(19, 3, 10)],
    ['a fragment over its record', withField(22, 3, 51)],
    ['a message of more than 16 KiB', withField(14, 3, 16 * 1024 + 1)],
    ['a message of 16 MiB', withField(14, 3, 0xff_ffff)],
    ['a message far ahead of its turn', withField(17, 2, 9)],
    ['a Finished in plain text', plain(FINISHED, 0, Buffer.alloc(12))],
    ['a record over its datagram', plain(CERTIFICATE, 0, body).subarray(0, 40)],
    [
      'a record that is not DTLS',
      Buffer.concat([Buffer.from([HANDSHAKE, 3]), plain(CERTIFICATE, 0, body).subarray(2)]),
    ],
    ['less than a record', Buffer.from([HANDSHAKE, 0xfe, 0xfd])],
    ['application data', record(23, 1, body)],
    ['a message of a later epoch', record(HANDSHAKE, 2, fragment(CERTIFICATE, 0, body))],
  ])('%s', (_what, datagram) => {
    const { inbound, drops, records } = receiver();
    inbound.feed(datagram);
    expect(records).toEqual([]);
    expect(drops.count).toBe(1);
  });

  test('a handshake of more than 64 KiB, all repetitions together', () => {
    const { inbound, drops, messages } = receiver();
    const part = Buffer.alloc(1024, 3);
    for (let i = 0; i < 64; i++) inbound.feed(plain(CERTIFICATE, 0, Buffer.alloc(2048), 0, part.length));
    expect(drops.count).toBe(0);
    inbound.feed(plain(CERTIFICATE, 0, Buffer.alloc(2048), 1024, 2048));
    expect(drops.count).toBe(1);
    expect(messages()).toEqual([]);
  });

  test('unfinished messages that together would take more than 64 KiB of memory', () => {
    const { inbound, drops, messages } = receiver();
    const large = Buffer.alloc(16 * 1024, 5);
    for (let sequence = 0; sequence < 6; sequence++) inbound.feed(plain(CERTIFICATE, sequence, large, 0, 1));
    expect(drops.count).toBe(2);
    for (let sequence = 0; sequence < 3; sequence++) inbound.feed(plain(CERTIFICATE, sequence, large));
    expect(messages()).toHaveLength(3); // what was begun goes on
    inbound.feed(plain(CERTIFICATE, 4, Buffer.alloc(100), 0, 50)); // and there is room again
    expect(drops.count).toBe(2);
  });

  test('encrypted messages of more than 64 KiB, though the peer is known', () => {
    const { inbound, drops, records } = receiver();
    inbound.release();
    for (let n = 0; n < 70; n++) inbound.feed(record(HANDSHAKE, 1, Buffer.alloc(1024 - 13), n));
    expect(records).toHaveLength(64);
    expect(drops.count).toBe(6);
  });

  test('a message full of holes is begun anew, not kept as hundreds of pieces', () => {
    const { inbound, messages } = receiver();
    const whole = new Seeded(2).bytes(4000);
    for (let at = 0; at < 4000; at += 4) inbound.feed(plain(CERTIFICATE, 0, whole, at, at + 1));
    expect(messages()).toEqual([]);
    inbound.feed(plain(CERTIFICATE, 0, whole));
    expect(messages()).toEqual([{ type: CERTIFICATE, sequence: 0, body: whole }]);
  });

  test('more than four encrypted records before the peer is known', () => {
    const { inbound, drops, records } = receiver();
    for (let n = 0; n < 6; n++) inbound.feed(record(HANDSHAKE, 1, Buffer.alloc(40), n));
    expect(drops.count).toBe(2);
    expect(records).toEqual([]);
    inbound.release();
    expect(records.map((bytes) => bytes.readUIntBE(5, 6))).toEqual([0, 1, 2, 3]);
    inbound.feed(record(HANDSHAKE, 1, Buffer.alloc(40), 9));
    expect(records).toHaveLength(5);
  });
});

describe('alerts', () => {
  const closeNotify = Buffer.from([1, 0]);

  test('in plain text reach nobody, before, during and after the handshake', () => {
    const { inbound, drops, records, alerts } = receiver();
    inbound.feed(record(ALERT, 0, closeNotify));
    inbound.feed(plain(CERTIFICATE, 0, Buffer.from('x')));
    inbound.feed(record(ALERT, 0, closeNotify));
    inbound.seal();
    inbound.feed(record(ALERT, 0, closeNotify));
    expect(alerts).toEqual([]);
    expect(records).toHaveLength(1);
    expect(drops.count).toBe(3);
  });

  test('of epoch 1 are handed on as they came, still encrypted', () => {
    const { inbound, records, alerts } = receiver();
    const sealed = record(ALERT, 1, Buffer.alloc(26, 9));
    inbound.feed(Buffer.concat([plain(CERTIFICATE, 0, Buffer.from('x')), sealed]));
    expect(alerts).toEqual([sealed]);
    expect(records).toHaveLength(1);
  });
});

test('once sealed no plaintext message is delivered, not even a ClientHello', () => {
  const { inbound, records } = receiver();
  inbound.feed(plain(CLIENT_HELLO, 0, Buffer.from('x')));
  inbound.release();
  inbound.seal();
  inbound.feed(plain(CLIENT_HELLO, 0, Buffer.from('x')));
  inbound.feed(plain(CLIENT_HELLO, 1, Buffer.from('x')));
  expect(records).toHaveLength(1);
  inbound.feed(record(HANDSHAKE, 1, Buffer.alloc(40))); // the peer's Finished again: it asks for ours
  expect(records).toHaveLength(2);
});

test('whatever comes, nothing is thrown and only whole plaintext messages in order are delivered', () => {
  const random = new Seeded(6347);
  for (let round = 0; round < 400; round++) {
    const { inbound, records, messages } = receiver();
    for (let n = 0; n < 20; n++) {
      const body = random.bytes(random.below(100));
      const from = random.below(body.length + 1);
      const valid = plain(random.below(25), random.below(4), body, from, from + random.below(body.length - from + 1));
      inbound.feed(n % 4 === 0 ? random.bytes(random.below(80)) : n % 2 === 0 ? random.mutate(valid) : valid);
    }
    const order = messages().map(({ type, sequence }) => ({ type, sequence }));
    expect(records).toHaveLength(order.length);
    order.forEach(({ type, sequence }, i) => {
      const before = order[i - 1]?.sequence ?? -1;
      expect(sequence === before + 1 || (type === CLIENT_HELLO && sequence === before)).toBe(true);
    });
  }
});
