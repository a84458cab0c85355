import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readProfile, unzipped } from './pprof.ts';

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}
const number = (field: number, value: number) => [...varint(field * 8), ...varint(value)];
const message = (field: number, ...parts: number[][]) => {
  const body = parts.flat();
  return [...varint(field * 8 + 2), ...varint(body.length), ...body];
};
const text = (value: string) => message(6, [...Buffer.from(value)]);

const STRINGS = ['', 'samples', 'count', 'wall', 'nanoseconds', 'forward', 'fan-out.ts', 'thread', 'worker-1', 'flush'];
const PROFILE = Uint8Array.from([
  ...message(1, number(1, 1), number(2, 2)),
  ...message(1, number(1, 3), number(2, 4)),
  // Packed ids and values, as most writers have them; a label.
  ...message(
    2,
    message(1, varint(1), varint(2)),
    message(2, varint(3), varint(30_000_000_000)),
    message(3, number(1, 7), number(2, 8)),
  ),
  // A field each, which is as valid.
  ...message(2, number(1, 2), number(2, 1), number(2, 10)),
  ...message(4, number(1, 1), message(4, number(1, 1), number(2, 42))),
  ...message(4, number(1, 2), message(4, number(1, 2), number(2, 7))),
  ...message(5, number(1, 1), number(2, 5), number(4, 6)),
  ...message(5, number(1, 2), number(2, 9), number(4, 6)),
  ...STRINGS.flatMap(text),
  ...number(10, 5_000_000_000),
]);

test('a profile is read with its types, stacks, values and threads', () => {
  const profile = readProfile(PROFILE);
  expect(profile.types).toEqual([
    { type: 'samples', unit: 'count' },
    { type: 'wall', unit: 'nanoseconds' },
  ]);
  expect(profile.durationNanos).toBe(5e9);
  expect(profile.samples).toEqual([
    {
      stack: [
        { name: 'forward', file: 'fan-out.ts', line: 42 },
        { name: 'flush', file: 'fan-out.ts', line: 7 },
      ],
      values: [3, 30_000_000_000],
      thread: 'worker-1',
    },
    { stack: [{ name: 'flush', file: 'fan-out.ts', line: 7 }], values: [1, 10], thread: '' },
  ]);
});

test('it is read compressed or not', async () => {
  expect(await unzipped(new Uint8Array(gzipSync(PROFILE)))).toEqual(PROFILE);
  expect(await unzipped(new Uint8Array(PROFILE))).toEqual(PROFILE);
});

test('whatever else comes is refused, and ends', () => {
  expect(() => readProfile(PROFILE.subarray(0, PROFILE.length - 12))).toThrow(RangeError);
  expect(() => readProfile(new Uint8Array(0))).toThrow(RangeError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readProfile(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});
