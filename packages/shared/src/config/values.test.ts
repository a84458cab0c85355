import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  duration,
  formatDuration,
  formatSize,
  list,
  onOff,
  parseDuration,
  parseSize,
  ratio,
  size,
  whole,
} from './values.ts';

test('a duration reads as it is written', () => {
  expect(['10s', '1m', '500ms', '1m30s', '1.5s', '2h'].map(parseDuration)).toEqual([
    10_000, 60_000, 500, 90_000, 1_500, 7_200_000,
  ]);
});

test('what is no duration is refused', () => {
  for (const text of ['', '10', 's', '-1s', '1 s', '1d', '10s ', '1e3s', `${'9'.repeat(400)}s`])
    expect(parseDuration(text), text).toBeUndefined();
});

test('parse undoes format for every whole number of milliseconds', () => {
  fc.assert(fc.property(fc.nat(), (totalMs) => parseDuration(formatDuration(totalMs)) === totalMs));
});

test('parse undoes format for every size', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
});

test('sizes are powers of 1024', () => {
  expect(['64K', '2M', '1g', '17', '3MB'].map(parseSize)).toEqual([65_536, 2_097_152, 1_073_741_824, 17, 3_145_728]);
  for (const text of ['', 'K', '1.5M', '-1', '1T', '1 K']) expect(parseSize(text), text).toBeUndefined();
});

test('parsers of untrusted text return numbers or undefined, whatever they are given', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseDuration, parseSize]) {
        const value = parse(text);
        if (value !== undefined) expect(Number.isFinite(value)).toBe(true);
      }
    }),
  );
});

test('limits are named in the notation of the value', () => {
  const message = (schema: z.ZodType, input: unknown) => schema.safeParse(input).error?.issues[0]?.message;
  expect(message(duration(100, 60_000), '50ms')).toBe('must be at least 100ms');
  expect(message(duration(100, 60_000), '2m')).toBe('must be at most 1m');
  expect(message(size(1024), '1')).toBe('must be at least 1K');
  expect(message(whole(1, 9), '10')).toBe('must be from 1 to 9');
  expect(message(whole(1, 9), '1.5')).toBe('expected a whole number');
  expect(message(onOff(), 'maybe')).toBe('expected on or off');
});

test('on/off takes YAML 1.1 words, because MediaMTX files have them', () => {
  expect(['yes', 'on', 'true', true].map((input) => onOff().parse(input))).toEqual([true, true, true, true]);
  expect(['no', 'Off', 'false', false].map((input) => onOff().parse(input))).toEqual([false, false, false, false]);
});

test('a list may be one comma-separated string', () => {
  const schema = list(z.string(), 'words');
  expect(schema.parse('a, b,,c')).toEqual(['a', 'b', 'c']);
  expect(schema.parse(['a'])).toEqual(['a']);
  expect(schema.parse('')).toEqual([]);
});

test('a ratio is from 0 to 1, in whatever notation a flag has it', () => {
  for (const [given, value] of [
    [0.7, 0.7],
    ['0.7', 0.7],
    ['.5', 0.5],
    ['1', 1],
    [0, 0],
  ])
    expect(ratio().parse(given)).toBe(value);
  for (const given of ['', '70%', '1.1', -0.1, 2, '1e-1', Number.NaN])
    expect(ratio().safeParse(given).success, String(given)).toBe(false);
});
