import { expect, test } from 'vitest';
import { cut, valuesOf, windowFrom } from './history-window.ts';

test('no more is shown than was asked for, the newest of it', () => {
  const history = { stepSeconds: 10, times: [0, 10, 20, 30], series: { viewers: [1, 2, 3, null] } };
  expect(cut(history, 20)).toEqual({ stepSeconds: 10, times: [20, 30], series: { viewers: [3, null] } });
  expect(cut(history, 3_600)).toBe(history);
  expect(valuesOf(history, 'cpuCores')).toEqual([null, null, null, null]);
});

test('an address with an unknown window shows the shortest', () => {
  expect([windowFrom('24h'), windowFrom(null), windowFrom('7y')]).toEqual(['24h', '5m', '5m']);
});
