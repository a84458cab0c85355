import { expect, test } from 'vitest';
import { matchesPattern } from './path-pattern.ts';

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
  const once = () => new RegExp(expression.slice(1)).test('x');
  for (let count = 0; count < 200; count++) once();
  const compiledMs = performance.now() - began;
  const again = performance.now();
  for (let count = 0; count < 200; count++) matchesPattern(expression, 'x');
  expect(performance.now() - again).toBeLessThan(compiledMs);
});
