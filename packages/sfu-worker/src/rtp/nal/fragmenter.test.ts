import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { H264_FORMAT } from '../h264/nal.ts';
import { H265_FORMAT } from '../h265/nal.ts';
import { NalFragmenter } from './fragmenter.ts';
import { FU_END, FU_START, MAX_NAL_BYTES, type NalFormat } from './nal-format.ts';
import { packetiseNal } from './packetise.ts';

type Output = { readonly bytes: Buffer; readonly isLastOfInput: boolean };

const FORMATS = [
  { name: 'H.264', format: H264_FORMAT },
  { name: 'H.265', format: H265_FORMAT },
];

// --- a packetiser and a depacketiser of the test's own, as plain as can be

const withType = (format: NalFormat, nal: Buffer, type: number) => {
  const header = Buffer.from(nal.subarray(0, format.headerBytes));
  header[0] = ((header[0] ?? 0) & ~(format.typeMask << format.typeShift)) | (type << format.typeShift);
  return header;
};
const typeOf = (format: NalFormat, nal: Buffer) => ((nal[0] ?? 0) >> format.typeShift) & format.typeMask;

function makeNal(format: NalFormat, type: number, bodyBytes: number, seed: number): Buffer {
  const nal = new Seeded(seed).bytes(format.headerBytes + bodyBytes);
  nal[0] = (type << format.typeShift) | (format.headerBytes === 1 ? 0x60 : 0);
  if (format.headerBytes === 2) nal[1] = 1;
  return nal;
}

function fragmentsOf(format: NalFormat, nal: Buffer, pieces: readonly number[]): Buffer[] {
  const body = nal.subarray(format.headerBytes);
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < body.length; i++) {
    const size = Math.min(body.length - at, pieces[i % pieces.length] ?? 1);
    const bits = (at === 0 ? FU_START : 0) | (at + size === body.length ? FU_END : 0);
    const fuHeader = Buffer.from([bits | typeOf(format, nal)]);
    out.push(Buffer.concat([withType(format, nal, format.fragmentType), fuHeader, body.subarray(at, at + size)]));
    at += size;
  }
  return out;
}

function aggregateOf(format: NalFormat, nals: readonly Buffer[]): Buffer {
  const units = nals.flatMap((nal) => [Buffer.from([nal.length >> 8, nal.length & 0xff]), nal]);
  return Buffer.concat([withType(format, nals[0] ?? Buffer.alloc(2), format.aggregationType), ...units]);
}

/** Reassembles NAL units; throws at anything that RFC 6184 or RFC 7798 would not have. */
function reassemble(format: NalFormat, payloads: readonly Buffer[]): Buffer[] {
  const nals: Buffer[] = [];
  let open: Buffer[] | undefined;
  for (const payload of payloads) {
    const type = typeOf(format, payload);
    if (type !== format.fragmentType) {
      if (open !== undefined) throw new Error('a NAL unit without its end');
      if (type !== format.aggregationType) {
        nals.push(payload);
        continue;
      }
      for (let at = format.headerBytes; at < payload.length; ) {
        const size = payload.readUInt16BE(at);
        nals.push(payload.subarray(at + 2, at + 2 + size));
        at += 2 + size;
      }
      continue;
    }
    const fuHeader = payload.readUInt8(format.headerBytes);
    const isStart = (fuHeader & FU_START) !== 0;
    const isEnd = (fuHeader & FU_END) !== 0;
    if (isStart && isEnd) throw new Error('start and end in one fragment');
    if (isStart !== (open === undefined)) throw new Error('start bit in the wrong place');
    if (payload.length === format.headerBytes + 1) throw new Error('a fragment without a body');
    open ??= [withType(format, payload, fuHeader & format.typeMask)];
    open.push(payload.subarray(format.headerBytes + 1));
    if (isEnd) {
      nals.push(Buffer.concat(open));
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error('a NAL unit without its end');
  return nals;
}

describe.each(FORMATS)('$name fragmenter', ({ format }) => {
  const headerBytes = format.headerBytes;
  const push = (fragmenter: NalFragmenter, payload: Buffer): Output[] => {
    const outputs: { buffer: Buffer; start: number; end: number; isLastOfInput: boolean }[] = [];
    // In the middle of a larger buffer, so that reading beside the payload would show.
    const buffer = Buffer.concat([Buffer.alloc(7, 0xff), payload, Buffer.alloc(7, 0xff)]);
    const count = fragmenter.push(buffer, 7, 7 + payload.length, (bytes, start, end, isLastOfInput) =>
      outputs.push({ buffer: bytes, start, end, isLastOfInput }),
    );
    expect(count).toBe(outputs.length);
    // Copied only now: all outputs of a call are valid together.
    return outputs.map(({ buffer: bytes, start, end, isLastOfInput }) => ({
      bytes: Buffer.from(bytes.subarray(start, end)),
      isLastOfInput,
    }));
  };
  const bytesOf = (outputs: readonly Output[]) => outputs.map(({ bytes }) => bytes);

  type Unit = { type: number; bodyBytes: number; how: 'single' | 'fragments' | 'aggregate'; pieces: number[] };
  const unit: fc.Arbitrary<Unit> = fc.record({
    type: fc.integer({ min: format.firstType, max: format.lastType }),
    bodyBytes: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 900 })),
    how: fc.constantFrom('single', 'fragments', 'aggregate'),
    pieces: fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 300 })), {
      minLength: 1,
      maxLength: 5,
    }),
  });

  const packetiseUnits = (units: readonly Unit[]): { nals: Buffer[]; inputs: Buffer[] } => {
    const nals = units.map(({ type, bodyBytes }, i) => makeNal(format, type, bodyBytes, i));
    const inputs: Buffer[] = [];
    let group: Buffer[] = [];
    nals.forEach((nal, i) => {
      const { how, pieces } = units[i] as Unit; // same length
      if (how === 'aggregate') {
        group.push(nal);
        return;
      }
      if (group.length > 0) inputs.push(aggregateOf(format, group));
      group = [];
      // A NAL unit in a single fragment would carry both bits, which the RFCs forbid.
      const isWhole = how === 'single' || Math.min(...pieces) >= nal.length - headerBytes;
      inputs.push(...(isWhole ? [nal] : fragmentsOf(format, nal, pieces)));
    });
    if (group.length > 0) inputs.push(aggregateOf(format, group));
    return { nals, inputs };
  };
  // A first piece as large as the whole unit would be one as well.
  const proper = ({ bodyBytes, pieces, how }: Unit) => how !== 'fragments' || (pieces[0] ?? 1) < bodyBytes;

  test('the output reassembles to the same NAL units, whatever the sizes and the input packets', () => {
    fc.assert(
      fc.property(
        fc.array(unit.filter(proper), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 16, max: 300 }),
        fc.boolean(),
        (units, limit, mayBypass) => {
          const { nals, inputs } = packetiseUnits(units);
          const fragmenter = new NalFragmenter(format, limit);
          const outputs = inputs.flatMap((input) => {
            if (mayBypass && fragmenter.isIdle && input.length <= limit) return [{ bytes: input, isLastOfInput: true }];
            const emitted = push(fragmenter, input);
            // the marker's place: exactly one, the last
            expect(emitted.filter((output) => output.isLastOfInput).length).toBe(emitted.length === 0 ? 0 : 1);
            if (emitted.length > 0) expect(emitted.at(-1)?.isLastOfInput).toBe(true);
            return emitted;
          });
          for (const { bytes } of outputs) expect(bytes.length).toBeLessThanOrEqual(limit);
          expect(reassemble(format, bytesOf(outputs))).toEqual(nals);
          expect([fragmenter.malformed, fragmenter.abandoned, fragmenter.isIdle]).toEqual([0, 0, true]);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('the staging holds every output of one call, at the worst limit', () => {
    for (const bodyBytes of [1, 3000, 5000, 9000, 20_000, 60_000]) {
      const tight = new NalFragmenter(format, 16);
      const nal = makeNal(format, 1, bodyBytes, bodyBytes);
      expect(reassemble(format, bytesOf(push(tight, nal)))).toEqual([nal]);
      const small = new Array(Math.min(64, Math.ceil(bodyBytes / 20))).fill(makeNal(format, 5, 15, 1)); // each just too large
      expect(reassemble(format, bytesOf(push(tight, aggregateOf(format, small))))).toEqual(small);
      const whole = bodyBytes > 100 ? fragmentsOf(format, nal, [Math.ceil(bodyBytes / 2) + 3]) : [];
      if (whole.length > 0)
        expect(
          reassemble(
            format,
            whole.flatMap((part) => bytesOf(push(tight, part))),
          ),
        ).toEqual([nal]);
    }
  });

  test('the staging holds what waited and a large input', () => {
    const nal = makeNal(format, 1, 20_000, 1);
    const roomy = new NalFragmenter(format, 1200);
    const outputs = fragmentsOf(format, nal, [5000]).flatMap((part) => bytesOf(push(roomy, part)));
    expect(reassemble(format, outputs)).toEqual([nal]);
  });

  test('small payloads pass untouched, without a copy', () => {
    const fragmenter = new NalFragmenter(format, 100);
    for (const payload of [
      makeNal(format, 1, 40, 1),
      aggregateOf(format, [makeNal(format, 1, 20, 1), makeNal(format, 1, 20, 2)]),
      ...fragmentsOf(format, makeNal(format, 1, 120, 1), [60]),
      Buffer.from([0xff]), // no known type, but small: not ours to judge
    ]) {
      let emitted: unknown[] = [];
      fragmenter.push(payload, 0, payload.length, (...output) => {
        emitted = output;
      });
      expect(emitted).toEqual([payload, 0, payload.length, true]);
      expect(emitted[0]).toBe(payload);
    }
  });

  test('fragments are full but for the last of a NAL unit', () => {
    const nal = makeNal(format, 1, 1000, 3);
    const outputs = fragmentsOf(format, nal, [230]).flatMap((input) => push(fragmenter, input));
    const room = 200 - headerBytes - 1;
    expect(outputs.map(({ bytes }) => bytes.length)).toEqual([
      ...new Array(Math.floor(1000 / room)).fill(200),
      headerBytes + 1 + (1000 % room),
    ]);
  });
  const fragmenter = new NalFragmenter(format, 200);

  test('after a reset nothing of before the gap comes out', () => {
    const gappy = new NalFragmenter(format, 100);
    const [first, , third] = fragmentsOf(format, makeNal(format, 1, 450, 1), [150]) as [Buffer, Buffer, Buffer];
    expect(push(gappy, first).length).toBe(1);
    expect(gappy.isIdle).toBe(false);
    gappy.reset();
    expect([gappy.isIdle, gappy.abandoned]).toEqual([true, 1]);
    const outputs = bytesOf(push(gappy, third));
    expect(Buffer.concat(outputs.map((bytes) => bytes.subarray(headerBytes + 1)))).toEqual(
      third.subarray(headerBytes + 1),
    );
    expect(outputs.map((bytes) => (bytes[headerBytes] ?? 0) & 0xc0)).toEqual([0, FU_END]);
  });

  test('a NAL unit whose end never comes does not spill into the next', () => {
    const broken = new NalFragmenter(format, 100);
    const [first] = fragmentsOf(format, makeNal(format, 1, 450, 1), [150]) as [Buffer];
    const next = makeNal(format, 5, 250, 2);
    push(broken, first);
    expect(reassemble(format, bytesOf(push(broken, next)))).toEqual([next]);
    push(broken, first);
    push(broken, first); // a start where a middle was due
    expect(broken.abandoned).toBe(2);
    const [, other] = fragmentsOf(format, makeNal(format, 2, 450, 1), [50]) as [Buffer, Buffer];
    expect(bytesOf(push(broken, other))).toEqual([other]); // goes on with another type: not ours
    expect(broken.abandoned).toBe(3);
  });

  test('an end without a body still ends the NAL unit', () => {
    const empty = new NalFragmenter(format, 100);
    const [first] = fragmentsOf(format, makeNal(format, 1, 450, 1), [150]) as [Buffer];
    push(empty, first);
    const end = Buffer.from(first.subarray(0, headerBytes + 1));
    end[headerBytes] = FU_END | 1;
    const outputs = push(empty, end);
    expect(outputs.length).toBe(1);
    expect((outputs[0]?.bytes[headerBytes] ?? 0) & 0xc0).toBe(FU_END);
    expect(empty.isIdle).toBe(true);
  });

  test('an aggregation packet that is cut off gives the units before', () => {
    const cut = new NalFragmenter(format, 100);
    const nals = [makeNal(format, 1, 60, 1), makeNal(format, 1, 250, 2), makeNal(format, 1, 60, 3)];
    const outputs = push(cut, aggregateOf(format, nals).subarray(0, -1));
    expect(reassemble(format, bytesOf(outputs))).toEqual(nals.slice(0, 2));
    expect(outputs.map(({ isLastOfInput }) => isLastOfInput)).toEqual([false, false, false, true]);
    expect(cut.malformed).toBe(1);
  });

  test.each([
    ['empty', 0, Buffer.alloc(0)],
    ['a large payload of a reserved type', 0, Buffer.alloc(200, 0xfe)],
    [
      'an aggregation packet of empty units',
      0,
      Buffer.concat([withType(format, Buffer.alloc(2), format.aggregationType), Buffer.alloc(200)]),
    ],
    [
      'an aggregation packet in an aggregation packet',
      0,
      aggregateOf(format, [
        withType(format, Buffer.alloc(150), format.aggregationType),
        Buffer.concat([withType(format, Buffer.alloc(2), format.aggregationType), Buffer.alloc(150)]),
      ]),
    ],
    [
      'an aggregation packet whose unit is too long',
      0,
      Buffer.concat([withType(format, Buffer.alloc(2), format.aggregationType), Buffer.alloc(200, 0xff)]),
    ],
    ['a fragment without its header', 0, withType(format, Buffer.alloc(2), format.fragmentType)],
  ])('drops and counts %s', (_name, count, payload) => {
    const hostile = new NalFragmenter(format, 100);
    expect(push(hostile, payload).length).toBe(count);
    expect(hostile.malformed).toBe(1);
  });

  test('a NAL unit in fragments is dropped past 2 MiB, until the next one starts', () => {
    const bomb = new NalFragmenter(format, 1200);
    const [start, middle] = fragmentsOf(format, makeNal(format, 1, 100_000, 1), [50_000, 40_000]) as [Buffer, Buffer];
    let bytes = 0;
    const count = (_buffer: Buffer, from: number, to: number) => {
      bytes += to - from;
    };
    bomb.push(start, 0, start.length, count);
    for (let i = 0; i < 100; i++) bomb.push(middle, 0, middle.length, count);
    expect(bytes).toBeLessThan(MAX_NAL_BYTES * 1.01);
    expect(bomb.malformed).toBeGreaterThan(0);
    const next = makeNal(format, 1, 5000, 2);
    expect(
      reassemble(
        format,
        fragmentsOf(format, next, [2000]).flatMap((input) => bytesOf(push(bomb, input))),
      ),
    ).toEqual([next]);
  });

  test('never exceeds the limit, never emits nothing-bytes, and always ends, whatever comes', () => {
    const seeded = new Seeded(13);
    const valid = packetiseUnits([
      { type: 1, bodyBytes: 500, how: 'fragments', pieces: [150] },
      { type: 5, bodyBytes: 60, how: 'aggregate', pieces: [1] },
      { type: 1, bodyBytes: 300, how: 'aggregate', pieces: [1] },
      { type: 1, bodyBytes: 300, how: 'single', pieces: [1] },
    ]).inputs;
    const fuzzed = new NalFragmenter(format, 100);
    for (let i = 0; i < 10_000; i++) {
      const chosen = valid[seeded.below(valid.length)] ?? Buffer.alloc(0);
      const input = i % 3 === 0 ? seeded.bytes(seeded.below(400)) : i % 3 === 1 ? seeded.mutate(chosen) : chosen;
      let outputBytes = 0;
      fuzzed.push(input, 0, input.length, (_buffer, start, end) => {
        if (end - start > 100 || end <= start) throw new Error(`an output of ${end - start} bytes`);
        outputBytes += end - start;
      });
      // headers at most double it, and one waiting output
      if (outputBytes > 2 * input.length + 100) throw new Error(`${outputBytes} bytes out of ${input.length}`);
      if (seeded.below(20) === 0) fuzzed.reset();
    }
  });

  test('the steady state allocates nothing: staging is kept', () => {
    const steady = new NalFragmenter(format, 1200);
    const nal = makeNal(format, 1, 30_000, 1);
    const seen = new Set<ArrayBufferLike>();
    for (let i = 0; i < 50; i++) steady.push(nal, 0, nal.length, (buffer) => seen.add(buffer.buffer));
    expect(seen.size).toBe(1);
  });

  test('a limit below 16 bytes is refused', () => {
    expect(() => new NalFragmenter(format, 15)).toThrow(RangeError);
    expect(() => new NalFragmenter(format, Number.NaN)).toThrow(RangeError);
    expect(() => packetiseNal(format, makeNal(format, 1, 50, 1), 15, () => {})).toThrow(RangeError);
  });

  test('an aggregation packet of thousands of tiny units becomes 64 packets, and is counted', () => {
    const unit = Buffer.concat([Buffer.from([0, format.headerBytes + 1]), makeNal(format, 1, 1, 1)]);
    const packet = Buffer.concat([
      withType(format, makeNal(format, 1, 1, 1), format.aggregationType),
      ...Array<Buffer>(10_000).fill(unit),
    ]);
    const fragmenter = new NalFragmenter(format, 1200);
    const outputs = push(fragmenter, packet);
    expect(outputs).toHaveLength(64);
    expect(outputs.map(({ isLastOfInput }) => isLastOfInput).indexOf(true)).toBe(63);
    expect(fragmenter.malformed).toBe(1);
  });

  test('packetise gives payloads that reassemble to the unit, the last one marked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 16, max: 1500 }), (bodyBytes, limit) => {
        const nal = makeNal(format, 1, bodyBytes, bodyBytes);
        const payloads: Buffer[] = [];
        const lasts: boolean[] = [];
        const count = packetiseNal(format, nal, limit, (buffer, start, end, isLast) => {
          payloads.push(Buffer.from(buffer.subarray(start, end)));
          lasts.push(isLast);
        });
        expect(count).toBe(payloads.length);
        expect(Math.max(...payloads.map((payload) => payload.length))).toBeLessThanOrEqual(limit);
        expect(lasts.indexOf(true)).toBe(count - 1);
        expect(reassemble(format, payloads)).toEqual([nal]);
      }),
    );
  });

  test('packetise gives nothing for a unit without a body or over 2 MiB', () => {
    const emit = () => expect.unreachable();
    expect(packetiseNal(format, makeNal(format, 1, 0, 1), 1200, emit)).toBe(0);
    expect(packetiseNal(format, Buffer.alloc(MAX_NAL_BYTES + 1, 1), 1200, emit)).toBe(0);
  });
});
