import { expect, test } from 'vitest';
import { History } from './history.ts';
import { OVERVIEW_SERIES, STREAM_SERIES } from './series.ts';

const DAY = 86_400;
const overview = (value: number) => OVERVIEW_SERIES.map(() => value);
const stream = (value: number) => STREAM_SERIES.map(() => value);

test('a day is kept in steps of a minute, three hours in steps of ten seconds, five minutes in seconds', () => {
  const history = new History();
  for (let at = 0; at <= 2 * DAY; at++) history.addOverview(at, overview(at));
  for (const [step, points] of [
    ['1s', 300],
    ['10s', 1080],
    ['1m', 1440],
  ] as const) {
    const { times, series, stepSeconds } = history.overview({ step });
    expect(times).toHaveLength(points);
    expect(times.at(-1)).toBe(2 * DAY - stepSeconds);
    expect(Object.keys(series)).toEqual([...OVERVIEW_SERIES]);
    expect(series['viewers']?.at(-1)).toBeCloseTo(2 * DAY - stepSeconds + (stepSeconds - 1) / 2, -1);
  }
});

test('a window alone gets the finest step that goes back so far', () => {
  const history = new History();
  for (let at = 0; at <= 20_000; at++) history.addOverview(at, overview(1));
  const asked = (windowSeconds: number) => {
    const { stepSeconds, times } = history.overview({ windowSeconds, series: ['cpuRatio'] });
    return [stepSeconds, times.length];
  };
  expect(asked(60)).toEqual([1, 60]);
  expect(asked(900)).toEqual([10, 90]);
  expect(asked(18_000)).toEqual([60, 300]);
  expect(Object.keys(history.overview({ series: ['cpuRatio', 'nonsense'] }).series)).toEqual(['cpuRatio']);
});

test('when there is no more room, the stream that ended first goes, and live ones keep theirs', () => {
  const history = new History(3 * 42_000);
  for (const path of ['a', 'b', 'c']) history.addStream(path, 100, stream(1));
  for (let at = 101; at < 110; at++) for (const path of ['b', 'c']) history.addStream(path, at, stream(1));
  history.addStream('d', 110, stream(1));
  expect(history.stream('a', {})).toBeUndefined();
  expect(history.stream('d', {})).toBeDefined();
  history.addStream('b', 110, stream(1));
  history.addStream('c', 110, stream(1));
  history.addStream('e', 111, stream(1)); // all three are live
  expect(history.stream('e', {})).toBeUndefined();
  expect(history.stream('b', { step: '1s' })?.times).toHaveLength(10);
});
