import { expect, test } from 'vitest';
import { matchesPattern, patternFault, patternGroups } from './path-pattern.ts';

test('an expression means the same each time it is asked, however many others are asked between', () => {
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 1500; index++) {
      expect(matchesPattern(`~^cam${index}$`, `cam${index}`)).toBe(true);
      expect(matchesPattern(`~^cam${index}$`, `cam${index}0`)).toBe(false);
    }
  }
  expect(matchesPattern('~gate', 'the/gate/2')).toBe(true);
});

test('an expression that is asked again is not compiled again', () => {
  const expression = `~^${'(a|b)'.repeat(2000)}$`;
  matchesPattern(expression, 'x');
  const began = performance.now();
  const once = () => patternFault(expression);
  for (let count = 0; count < 200; count++) once();
  const compiledMs = performance.now() - began;
  const again = performance.now();
  for (let count = 0; count < 200; count++) matchesPattern(expression, 'x');
  expect(performance.now() - again).toBeLessThan(compiledMs);
});

test('no expression takes long, whatever the name', () => {
  // With back-tracking the first of them alone would take longer than anybody lives.
  for (const expression of ['~^(a+)+$', '~^(a|aa)+$', '~(.*)*x', '~^(([a-z])+.)+[A-Z]([a-z])+$'])
    expect(matchesPattern(expression, `${'a'.repeat(255)}!`)).toBe(false);
});

test('groups are what they matched, and what is no expression is said', () => {
  expect(patternGroups('~^floor(\\d+)/(cam(\\d+)|gate)$', 'floor2/gate')).toEqual(['floor2/gate', '2', 'gate', '']);
  expect(patternGroups('~^a$', 'b')).toEqual([]);
  expect(patternFault('~^a$')).toBeUndefined();
  for (const none of ['~(', '~(?=a)', '~(a)\\1']) expect(patternFault(none)).toMatch(/^is not a regular expression/);
});
