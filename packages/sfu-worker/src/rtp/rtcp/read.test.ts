import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type RtcpVisitor,
  readRtcp,
  writeBye,
  writePli,
  writeReceiverReport,
  writeSdesCname,
  writeSenderReport,
} from './index.ts';

/** Notes every call as [name, ...arguments]. */
function recorder(): { visitor: RtcpVisitor; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const note =
    (name: string) =>
    (...values: number[]) =>
      void calls.push([name, ...values]);
  const visitor: RtcpVisitor = {
    senderReport: note('senderReport'),
    receiverReport: note('receiverReport'),
    pli: note('pli'),
    fir: note('fir'),
    nack: note('nack'),
    bye: note('bye'),
    other: note('other'),
  };
  return { visitor, calls };
}

function read(bytes: Buffer): { fault: string | undefined; calls: unknown[][] } {
  const { visitor, calls } = recorder();
  return { fault: readRtcp(bytes, 0, bytes.length, visitor), calls };
}

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const block = fc.record({
  ssrc: uint32,
  fractionLost: fc.integer({ min: 0, max: 255 }),
  cumulativeLost: fc.integer({ min: -0x80_0000, max: 0x7f_ffff }),
  highest: uint32,
  jitter: uint32,
  lsr: uint32,
  dlsr: uint32,
});

describe('readRtcp', () => {
  test('reads back what the writers wrote, as one compound packet', () => {
    const info = fc.record({
      ssrc: uint32,
      ntp: fc.record({ high: uint32, low: uint32 }),
      rtpTimestamp: uint32,
      packets: uint32,
      octets: uint32,
    });
    fc.assert(
      fc.property(
        info,
        block,
        uint32,
        fc.string({ maxLength: 60, unit: 'grapheme' }),
        (sender, report, ssrc, cname) => {
          const buffer = Buffer.alloc(1024, 0xee);
          let end = writeSenderReport(buffer, 3, sender);
          end = writeReceiverReport(buffer, end, ssrc, report);
          end = writeReceiverReport(buffer, end, ssrc);
          end = writeSdesCname(buffer, end, ssrc, cname);
          end = writePli(buffer, end, ssrc, report.ssrc);
          end = writeBye(buffer, end, ssrc);
          const { visitor, calls } = recorder();
          expect(readRtcp(buffer, 3, end, visitor)).toBeUndefined();
          const { ssrc: source, fractionLost, cumulativeLost, highest, jitter, lsr, dlsr } = report;
          const { high, low } = sender.ntp;
          expect(calls).toEqual([
            ['senderReport', sender.ssrc, high, low, sender.rtpTimestamp, sender.packets, sender.octets],
            ['receiverReport', ssrc, source, fractionLost, cumulativeLost, highest, jitter, lsr, dlsr],
            ['other', 202, 1],
            ['pli', source],
            ['bye', ssrc],
          ]);
          expect(buffer[end]).toBe(0xee); // not a byte more than said
        },
      ),
    );
  });

  test('reads a sender report with a block, the loss being negative', () => {
    const { fault, calls } = read(
      Buffer.from([
        0x81,
        200,
        0,
        12, // V=2, one block, 13 words
        0,
        0,
        0,
        1, // SSRC
        0xe0,
        0,
        0,
        0, // NTP seconds
        0x80,
        0,
        0,
        0, // NTP fraction
        0,
        1,
        0x5f,
        0x90, // RTP timestamp
        0,
        0,
        0,
        10, // packets
        0,
        0,
        4,
        0, // octets
        0,
        0,
        0,
        2, // block: source
        64,
        0xff,
        0xff,
        0xff, // a quarter lost lately; one more received than expected in all
        0,
        1,
        0,
        5, // one cycle, sequence 5
        0,
        0,
        0,
        7, // jitter
        1,
        2,
        3,
        4, // LSR
        0,
        1,
        0,
        0, // DLSR: 1 s
      ]),
    );
    expect(fault).toBeUndefined();
    expect(calls).toEqual([
      ['senderReport', 1, 0xe0000000, 0x80000000, 90_000, 10, 1024],
      ['receiverReport', 1, 2, 64, -1, 0x10005, 7, 0x01020304, 65_536],
    ]);
  });

  test('reads feedback: NACKs, FIRs by entry, and others by type and format', () => {
    const { fault, calls } = read(
      Buffer.from([
        0x81,
        205,
        0,
        4,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        9, // generic NACK about 9
        0x12,
        0x34,
        0x80,
        0x01, // packet 0x1234 and two more
        0xff,
        0xff,
        0,
        0, // packet 0xffff
        0x84,
        206,
        0,
        6,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0, // FIR: the header names no source
        0,
        0,
        0,
        5,
        7,
        0,
        0,
        0, // source 5, request 7
        0,
        0,
        0,
        6,
        8,
        0,
        0,
        0, // source 6, request 8
        0x8f,
        206,
        0,
        2,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0, // application layer feedback
        0x80,
        207,
        0,
        0, // extended report, empty
      ]),
    );
    expect(fault).toBeUndefined();
    expect(calls).toEqual([
      ['nack', 9, 0x1234, 0x8001],
      ['nack', 9, 0xffff, 0],
      ['fir', 5, 7],
      ['fir', 6, 8],
      ['other', 206, 15],
      ['other', 207, 0],
    ]);
  });

  test('takes padding on the last packet only', () => {
    const pli = [0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4];
    expect(read(Buffer.from(pli))).toEqual({ fault: undefined, calls: [['pli', 2]] });
    expect(read(Buffer.from([...pli, 0x80, 207, 0, 0])).fault).toBe('bad-padding');
  });

  test.each([
    ['too-short', []],
    ['too-short', [0x80, 200, 0]],
    ['bad-version', [0x40, 200, 0, 0]],
    ['overrun', [0x80, 203, 0, 1]], // a word announced, none there
    ['overrun', [0x80, 200, 0xff, 0xff, 0, 0, 0, 0]],
    ['overrun', [0x80, 200, 0, 1, 0, 0, 0, 1]], // SR without its sender info
    ['overrun', [0x9f, 201, 0, 1, 0, 0, 0, 1]], // 31 blocks, none there
    ['overrun', [0x82, 203, 0, 1, 0, 0, 0, 1]], // two sources, one there
    ['overrun', [0x81, 206, 0, 1, 0, 0, 0, 1]], // PLI without a media SSRC
    ['bad-padding', [0xa0, 207, 0, 1, 0, 0, 0, 0]], // zero
    ['bad-padding', [0xa0, 207, 0, 1, 0, 0, 0, 3]], // not whole words
    ['bad-padding', [0xa0, 207, 0, 1, 0, 0, 0, 8]], // would eat the header
    ['overrun', [0xa1, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4]], // padding where the media SSRC should be
  ])('answers %s and calls nobody', (fault, bytes) => {
    expect(read(Buffer.from(bytes))).toEqual({ fault, calls: [] });
  });

  test('hears the packets before the bad one', () => {
    const bytes = Buffer.from([0x81, 203, 0, 1, 0, 0, 0, 7, 0x80, 200, 0]);
    expect(read(bytes)).toEqual({ fault: 'overrun', calls: [['bye', 7]] });
  });

  test('leaves out a NACK or FIR entry that is cut off by padding', () => {
    const fir = [0x84, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5];
    expect(read(Buffer.from(fir))).toEqual({ fault: undefined, calls: [] });
  });

  test('needs no visitor method', () => {
    const buffer = Buffer.alloc(64);
    const end = writePli(buffer, writeReceiverReport(buffer, 0, 1), 1, 2);
    expect(readRtcp(buffer, 0, end, {})).toBeUndefined();
  });
});

describe('writers', () => {
  test('a CNAME ends with a zero byte and fills whole words, at any length', () => {
    for (let length = 0; length < 12; length++) {
      const buffer = Buffer.alloc(64, 0xee);
      const end = writeSdesCname(buffer, 0, 1, 'x'.repeat(length));
      expect(end % 4).toBe(0);
      expect(end).toBeGreaterThanOrEqual(10 + length + 1);
      expect([...buffer.subarray(10 + length, end)].every((byte) => byte === 0)).toBe(true);
    }
  });

  test('a packet that does not fit is a RangeError, never a cut one', () => {
    expect(() => writeSdesCname(Buffer.alloc(16), 0, 1, 'shardcast')).toThrow(RangeError);
    expect(() => writeSdesCname(Buffer.alloc(999), 0, 1, 'x'.repeat(256))).toThrow(RangeError);
    expect(() => writePli(Buffer.alloc(11), 0, 1, 2)).toThrow(RangeError);
  });

  test('counters beyond 32 bits wrap', () => {
    const buffer = Buffer.alloc(28);
    const ntp = { high: 0, low: 0 };
    writeSenderReport(buffer, 0, { ssrc: 1, ntp, rtpTimestamp: 0, packets: 2 ** 32 + 5, octets: 2 ** 40 + 6 });
    expect([buffer.readUInt32BE(20), buffer.readUInt32BE(24)]).toEqual([5, 6]);
  });
});
