import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pacer } from './pacer.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

let nowMs = 0;
const turns: string[] = [];
const stream = (name: string, wanted: number, costMs = 0) => ({
  name,
  pace() {
    turns.push(name);
    nowMs += costMs;
    return --wanted > 0;
  },
});
type TestStream = ReturnType<typeof stream>;
const faults: string[] = [];
function pacer(): Pacer<TestStream> {
  nowMs = 0;
  turns.length = 0;
  faults.length = 0;
  return new Pacer<TestStream>(
    () => nowMs,
    ({ name }) => void faults.push(name),
  );
}

test('each gets turns until it wants no more, all of them in turn', () => {
  const paced = pacer();
  for (const [name, wanted] of [
    ['a', 3],
    ['b', 1],
    ['c', 2],
  ] as const)
    paced.add(stream(name, wanted));
  vi.advanceTimersByTime(50);
  expect(turns).toEqual(['a', 'b', 'c', 'a', 'c', 'a']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a turn of all ends after its budget, and goes on with those that were left out', () => {
  const paced = pacer();
  for (const name of ['a', 'b', 'c', 'd']) paced.add(stream(name, 2, 1));
  vi.advanceTimersByTime(5);
  expect(turns).toEqual(['a', 'b']);
  vi.advanceTimersByTime(5);
  expect(turns).toEqual(['a', 'b', 'c', 'd']);
});

test('one that throws is named, and the others get theirs', () => {
  const paced = pacer();
  const broken = {
    ...stream('broken', 1),
    pace(): boolean {
      throw new Error('a bug');
    },
  };
  paced.add(broken);
  paced.add(stream('a', 1));
  vi.advanceTimersByTime(5);
  expect([faults, turns]).toEqual([['broken'], ['a']]);
});

test('who was taken out, or comes after the end, gets none', () => {
  const paced = pacer();
  const gone = stream('gone', 1);
  paced.add(gone);
  paced.delete(gone);
  vi.advanceTimersByTime(5);
  paced.close();
  paced.add(stream('late', 1));
  vi.advanceTimersByTime(5);
  expect([turns, vi.getTimerCount()]).toEqual([[], 0]);
});
