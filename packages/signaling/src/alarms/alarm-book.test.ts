import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { AlarmBook, type Reading } from './alarm-book.ts';

let book: AlarmBook;
beforeEach(() => {
  book = new AlarmBook();
});

const cpu = (value: number): Reading => ({ name: 'CpuHigh', labels: {}, value, threshold: 0.7, forMs: 60_000 });
const bitrate = (path: string, value: number): Reading => ({
  name: 'BitrateLow',
  labels: { path },
  value,
  threshold: 1000,
  forMs: 5000,
});
/** @returns what was news, second by second. */
function run(from: number, to: number, readings: readonly Reading[]): string[] {
  const news: string[] = [];
  for (let second = from; second < to; second++)
    for (const { id, state } of book.update(readings, second * 1000)) news.push(`${second} ${id} ${state}`);
  return news;
}
const states = () => book.list().map(({ id, state }) => `${id} ${state}`);

test('what is bad for long enough fires, and is resolved when it has been good for a while', () => {
  expect(run(0, 60, [cpu(0.8)])).toEqual([]);
  expect(states()).toEqual(['CpuHigh pending']);
  expect(run(60, 100, [cpu(0.9)])).toEqual(['60 CpuHigh firing']);
  expect(run(100, 115, [cpu(0.5)])).toEqual([]);
  expect(run(115, 120, [cpu(0.5)])).toEqual(['115 CpuHigh resolved']);
  expect(book.list()[0]).toMatchObject({ pendingSinceMs: 0, firingSinceMs: 60_000, resolvedAtMs: 115_000 });
});

test('a moment below the threshold forgets a pending alarm', () => {
  run(0, 59, [cpu(0.8)]);
  run(59, 60, [cpu(0.7)]);
  expect(states()).toEqual([]);
  expect(run(60, 119, [cpu(0.8)])).toEqual([]);
});

test('a value at its threshold does not make a firing alarm flap', () => {
  run(0, 61, [cpu(0.8)]);
  const news: string[] = [];
  for (let second = 61; second < 200; second++)
    news.push(...run(second, second + 1, [cpu(second % 2 === 0 ? 0.69 : 0.71)]));
  expect(news).toEqual([]);
  // Good for 14 s, bad, good again: the time begins anew.
  run(200, 214, [cpu(0.1)]);
  run(214, 215, [cpu(0.8)]);
  expect(run(215, 229, [cpu(0.1)])).toEqual([]);
});

test('what is to stay above its threshold is bad below it', () => {
  expect(run(0, 10, [bitrate('a', 500), bitrate('b', 1500)])).toEqual(['5 BitrateLow/a firing']);
  expect(run(10, 60, [bitrate('a', 1050), bitrate('b', 1500)])).toEqual([]); // not clearly good
  expect(run(60, 80, [bitrate('a', 1200), bitrate('b', 1500)])).toEqual(['75 BitrateLow/a resolved']);
});

test('a state is bad or good whatever its numbers say', () => {
  const lost = (isBad: boolean): Reading => ({
    name: 'CameraLost',
    labels: { path: 'a' },
    value: 0,
    threshold: 10,
    forMs: 3000,
    isBad,
  });
  expect(run(0, 5, [lost(true)])).toEqual(['3 CameraLost/a firing']);
  expect(run(5, 30, [lost(false)])).toEqual(['20 CameraLost/a resolved']);
});

test('what is read no more is over after a while', () => {
  run(0, 6, [bitrate('a', 0), cpu(0.9)]);
  expect(run(6, 20, [])).toEqual([]);
  expect(run(20, 30, [])).toEqual(['20 BitrateLow/a resolved']);
  expect(states()).toEqual(['BitrateLow/a resolved']);
});

test('the worst is first, and resolved ones are forgotten after an hour', () => {
  const lost: Reading = { name: 'CameraLost', labels: { path: 'x' }, value: 1, threshold: 0, forMs: 0, isBad: true };
  run(0, 1, [bitrate('z', 0), bitrate('y', 0), lost]);
  expect(states()).toEqual(['CameraLost/x firing', 'BitrateLow/z pending', 'BitrateLow/y pending']);
  run(1, 40, []);
  expect(states()).toEqual(['CameraLost/x resolved']);
  run(3640, 3641, []);
  expect(states()).toEqual([]);
});

test('a resolved alarm begins anew', () => {
  run(0, 6, [bitrate('a', 0)]);
  run(6, 30, [bitrate('a', 9000)]);
  expect(run(30, 40, [bitrate('a', 0)])).toEqual(['35 BitrateLow/a firing']);
  expect(book.list()).toHaveLength(1);
});

test('news of an alarm are firing and resolved in turn, whatever is read', () => {
  const values = fc.array(fc.option(fc.double({ min: 0, max: 2000, noNaN: true })), { maxLength: 200 });
  fc.assert(
    fc.property(values, (list) => {
      book = new AlarmBook();
      const news = list.flatMap((value, second) =>
        book.update(value === null ? [] : [bitrate('a', value)], second * 2000).map(({ state }) => state),
      );
      expect(news).toEqual(news.map((_, index) => (index % 2 === 0 ? 'firing' : 'resolved')));
    }),
  );
});
