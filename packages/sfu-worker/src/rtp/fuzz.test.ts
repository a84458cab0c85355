import { describe, expect, test } from 'vitest';
import { Seeded } from '../../test/rtp/seeded.ts';
import { FRAME, inspectorFor } from './inspect.ts';
import {
  type RtcpVisitor,
  readRtcp,
  writeBye,
  writePli,
  writeReceiverReport,
  writeSdesCname,
  writeSenderReport,
} from './rtcp/index.ts';
import { RtpView } from './view.ts';

const ROUNDS = 20_000;

/**
 * Feeds `check` with random and mutated valid inputs, each in two buffers that differ in every byte around it: an answer
 * that differs would mean that a parser read beside its window.
 */
function fuzz(seed: number, valid: readonly Buffer[], answer: (buffer: Buffer, start: number, end: number) => unknown) {
  const seeded = new Seeded(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const chosen = valid[seeded.below(valid.length)] ?? Buffer.alloc(0);
    const input = round % 4 === 0 ? seeded.bytes(seeded.below(64)) : seeded.mutate(chosen);
    const before = seeded.below(9);
    const zeros = Buffer.concat([Buffer.alloc(before), input, Buffer.alloc(40)]);
    const ones = Buffer.concat([Buffer.alloc(before, 0xff), input, Buffer.alloc(40, 0xff)]);
    const copy = Buffer.from(ones);
    const first = JSON.stringify(answer(zeros, before, before + input.length));
    const second = JSON.stringify(answer(ones, before, before + input.length));
    if (first !== second) expect([input.toString('hex'), second]).toEqual([input.toString('hex'), first]);
    if (!ones.equals(copy)) expect.unreachable(`input changed: ${input.toString('hex')}`);
  }
}

describe('whatever comes, only declared answers come out, from inside the window', () => {
  test('RTP', () => {
    const view = new RtpView();
    const faults = new Set<unknown>();
    const packet = Buffer.from([
      0xb1,
      0xe0,
      0,
      1,
      0,
      0,
      0,
      2,
      0,
      0,
      0,
      3, // padding, extension, one CSRC
      0,
      0,
      0,
      4, // CSRC
      0xbe,
      0xde,
      0,
      2,
      0x10,
      1,
      0x31,
      2,
      3,
      0,
      0,
      0, // extensions 1 and 3
      0x65,
      0x88,
      0x84,
      0,
      0,
      0,
      4, // payload and 4 bytes of padding
    ]);
    const twoByte = Buffer.from(packet);
    twoByte.writeUInt16BE(0x1000, 16);
    fuzz(1, [packet, twoByte], (buffer, start, end) => {
      const fault = view.wrap(buffer, start, end);
      faults.add(fault);
      if (fault !== undefined) return fault;
      const { payloadStart, payloadEnd } = view;
      if (payloadStart < start + 12 || payloadEnd < payloadStart || payloadEnd > end) expect.unreachable('payload');
      const elements = [1, 3, 14, 15, 200].map((id) => {
        const at = view.extensionStart(id);
        const length = view.extensionLength(id);
        if (at >= 0 && (at < start + 16 || at + length > payloadStart)) expect.unreachable('extension');
        return [at - start, length];
      });
      return [view.sequence, view.timestamp, view.ssrc, view.payloadType, view.marker, payloadEnd - start, elements];
    });
    expect(faults).toEqual(new Set([undefined, 'too-short', 'bad-version', 'overrun', 'bad-padding']));
  });

  test('RTCP', () => {
    const buffer = Buffer.alloc(256);
    const info = { ssrc: 1, ntp: { high: 2, low: 3 }, rtpTimestamp: 4, packets: 5, octets: 6 };
    const block = { ssrc: 1, fractionLost: 2, cumulativeLost: 3, highest: 4, jitter: 5, lsr: 6, dlsr: 7 };
    let end = writeSenderReport(buffer, 0, info);
    end = writeReceiverReport(buffer, end, 1, block);
    end = writeSdesCname(buffer, end, 1, 'cname');
    end = writePli(buffer, end, 1, 2);
    end = writeBye(buffer, end, 1);
    const nack = Buffer.from([0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0x12, 0x34, 0x80, 0x01]);
    const fir = Buffer.from([0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 7, 0, 0, 0]);

    let calls: number[] = [];
    const note = (...values: number[]) => void calls.push(...values);
    const visitor: RtcpVisitor = {
      senderReport: note,
      receiverReport: note,
      pli: note,
      fir: note,
      nack: note,
      bye: note,
      other: note,
    };
    const faults = new Set<unknown>();
    fuzz(2, [buffer.subarray(0, end), nack, fir], (bytes, start, stop) => {
      calls = [];
      const fault = readRtcp(bytes, start, stop, visitor);
      faults.add(fault);
      if (calls.some((value) => !Number.isInteger(value))) expect.unreachable('not a number');
      return [fault, calls];
    });
    expect(faults).toEqual(new Set([undefined, 'too-short', 'bad-version', 'overrun', 'bad-padding']));
  });

  test.each([
    ['H264', ['6588840021', '7c858884', '7c0588', '7800046764001e000268eb00026588', '419a0200', '68ebe3cb22c0']],
    ['H265', ['2601af08', '62019388', '6001000340010c00034201010003260100af', '0201d0', '4401c172b462400000']],
    ['VP8', ['10509d012a', '90f0912201205000', '105100', '1150']],
    ['VP9', ['a8912201008249', '9a9122008249', '088249', '4882']],
    ['AV1', ['180a0b0000', '2001120a0b', '0001120a0a0b00000024a6', '90320b']],
  ] as const)('%s', (codec, samples) => {
    const inspect = inspectorFor(codec);
    const every = Object.values(FRAME).reduce((all, bit) => all | bit, 0);
    const seen = new Set<number>();
    const valid = samples.map((hex) => Buffer.from(hex, 'hex'));
    fuzz(3, valid, (buffer, start, end) => {
      const flags = inspect(buffer, start, end);
      if ((flags & ~every) !== 0) expect.unreachable('an undeclared flag');
      seen.add(flags);
      return flags;
    });
    expect(seen.size).toBeGreaterThan(1);
  });

  test('detection is linear: the largest payload of smallest units takes no time', () => {
    const bomb = Buffer.alloc(65_535);
    bomb[0] = 24; // a STAP-A of 32,767 empty units
    const startedAt = process.cpuUsage();
    for (let i = 0; i < 20; i++) inspectorFor('H264')(bomb, 0, bomb.length);
    const { user, system } = process.cpuUsage(startedAt);
    expect((user + system) / 20).toBeLessThan(10_000); // µs each
  });
});
