import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PacketRun, SrtpSender } from './protect.ts';

const HEADER = 12;
const STRIDE = 1568;

for (const profile of [1, 7] as const) {
  test(`a run of packets under profile ${profile} is protected as each packet alone`, () => {
    const key = Buffer.alloc(16, 0xa5).toString('base64');
    const salt = Buffer.alloc(profile === 7 ? 12 : 14, 0x3c).toString('base64');
    const packet = fc.record({
      payload: fc.uint8Array({ minLength: 0, maxLength: 1400 }),
      index: fc.integer({ min: 0, max: 2 ** 40 }),
    });
    fc.assert(
      fc.property(
        fc.array(packet, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 3 }),
        (packets, skew) => {
          const sender = new SrtpSender(profile, key, salt);
          const run: PacketRun = {
            bytes: Buffer.alloc(64 + packets.length * STRIDE),
            starts: new Int32Array(packets.length),
            lengths: new Int32Array(packets.length),
            indexes: new Float64Array(packets.length),
            count: packets.length,
          };
          const expected = packets.map(({ payload, index }, i) => {
            const plain = Buffer.alloc(HEADER + payload.length + 16);
            plain[0] = 0x80;
            plain.writeUInt16BE(index % 65536, 2);
            plain.writeUInt32BE(0x1234_5678, 8);
            plain.set(payload, HEADER);
            const start = 64 + i * STRIDE + skew; // unaligned packets take the slow way, to the same bytes
            plain.copy(run.bytes, start, 0, HEADER + payload.length);
            run.starts[i] = start;
            run.lengths[i] = HEADER + payload.length;
            run.indexes[i] = index;
            return plain.subarray(0, sender.protect(plain, 0, HEADER, HEADER + payload.length, index));
          });
          sender.protectRun(run, HEADER);
          expected.forEach((bytes, i) => {
            const start = run.starts[i] as number;
            expect(run.bytes.subarray(start, start + (run.lengths[i] as number)).equals(bytes)).toBe(true);
          });
        },
      ),
      { numRuns: 100 },
    );
  });
}
