import { expect, test } from 'vitest';
import { freshSsrc } from './fresh-ssrc.ts';

test("no track gets 0 or another track's SSRC", () => {
  const drawn = [0, 7, 8, 0, 9];
  expect(freshSsrc([7, 8], () => drawn.shift() ?? 1)).toBe(9);
  expect(freshSsrc([])).toBeGreaterThan(0);
});
