import { expect, test } from 'vitest';
import { appended, atLeast, parseLine } from './log-lines.ts';

const line = (id: number, level = 'info') => ({
  id,
  line: JSON.stringify({ level, time: 't', path: 'cam1', msg: `m${id}` }),
});

test('a line is taken apart, and one that was cut is shown as it is', () => {
  expect(parseLine(line(1))).toMatchObject({ level: 'info', message: 'm1', details: 'path=cam1' });
  expect(parseLine({ id: 2, line: '{"level":"in' })).toMatchObject({ level: '', message: '{"level":"in' });
});

test('lines are added once, the newest thousand stay, and a restarted server begins anew', () => {
  const first = appended([], { last: 2, items: [line(1), line(2)] });
  const second = appended(first, { last: 3, items: [line(2), line(3)] });
  expect(second.map(({ id }) => id)).toEqual([1, 2, 3]);
  expect(appended(second, { last: 3, items: [] })).toBe(second);
  const many = appended(second, { last: 2_003, items: Array.from({ length: 2_000 }, (_, i) => line(i + 4)) });
  expect([many.length, many[0]?.id]).toEqual([1_000, 1_004]);
  expect(appended(many, { last: 1, items: [line(1)] }).map(({ id }) => id)).toEqual([1]);
});

test('a level shows itself and what is worse, and what cannot be read always', () => {
  const lines = [parseLine(line(1, 'debug')), parseLine(line(2, 'error')), parseLine({ id: 3, line: 'cut' })];
  expect(atLeast(lines, 'warn').map(({ id }) => id)).toEqual([2, 3]);
  expect(atLeast(lines, '').map(({ id }) => id)).toEqual([1, 2, 3]);
});
