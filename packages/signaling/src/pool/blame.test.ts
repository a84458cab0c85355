import { expect, test } from 'vitest';
import { type Resident, suspectsOf } from './blame.ts';

const MINUTE = 60_000;
const resident = (name: string, slot: number, rest: Partial<Resident> = {}): Resident => ({
  name,
  slot,
  ageMs: 10 * MINUTE,
  hasOwnSource: false,
  ...rest,
});

test('a stream whose input was being handled is the only suspect, however old, and wherever it is from', () => {
  const residents = [resident('demo', 0, { hasOwnSource: true }), resident('new', 1, { ageMs: 0 })];
  expect(suspectsOf({ slot: 0 }, residents)).toEqual(['demo']);
  expect(suspectsOf({ slot: 1 }, residents)).toEqual(['new']);
});

test('a stream that is gone already leaves no other under suspicion', () => {
  expect(suspectsOf({ slot: 7 }, [resident('new', 1, { ageMs: 0 })])).toEqual([]);
});

test('what a viewer sends is held against no stream', () => {
  expect(suspectsOf('viewer', [resident('new', 1, { ageMs: 0 })])).toEqual([]);
});

test('without evidence the newcomers are suspects, and neither old streams nor sources of the configuration', () => {
  const residents = [
    resident('old', 0, { ageMs: MINUTE }),
    resident('new', 1, { ageMs: MINUTE - 1 }),
    resident('camera', 2, { ageMs: 0, hasOwnSource: true }),
  ];
  expect(suspectsOf(undefined, residents)).toEqual(['new']);
});
