import { expect, test } from 'vitest';
import { CodecSwitches } from './codec-switches.ts';

test('one switch in two seconds is allowed, the first at once', () => {
  const switches = new CodecSwitches();
  expect([0, 1, 1999, 2000, 3999].map((nowMs) => switches.ask(nowMs))).toEqual([
    'allowed',
    'wait',
    'wait',
    'allowed',
    'wait',
  ]);
});

test('a ninth switch within a minute is too many', () => {
  const switches = new CodecSwitches();
  for (let n = 0; n < 8; n++) expect(switches.ask(n * 2000)).toBe('allowed');
  expect(switches.ask(59_999)).toBe('too-many');
});

test('a publisher that switches every eight seconds goes on for an hour', () => {
  const switches = new CodecSwitches();
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 8000) expect(switches.ask(nowMs)).toBe('allowed');
});
