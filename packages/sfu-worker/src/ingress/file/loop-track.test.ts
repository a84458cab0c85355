import { expect, test } from 'vitest';
import { LoopTrack } from './loop-track.ts';

function run(track: LoopTrack, nowMs: number): [item: number, dueMs: number][] {
  const played: [number, number][] = [];
  track.run(nowMs, (item, dueMs) => played.push([item, dueMs]));
  return played;
}

test('each item is played when it is due, once, round and round', () => {
  const track = new LoopTrack(3, 40, 1000); // item 25 of the endless sequence is due at 1,000 ms
  expect(run(track, 1000)).toEqual([[1, 1000]]);
  expect(run(track, 1039)).toEqual([]);
  expect(run(track, 1080)).toEqual([
    [2, 1040],
    [0, 1080],
  ]);
});

test('which item is due depends on the time alone, so that a restart goes on where it would be', () => {
  const [first, second] = [new LoopTrack(7, 40, 0), new LoopTrack(7, 40, 100_000)];
  run(first, 99_990);
  expect(run(first, 100_000)).toEqual(run(second, 100_000));
});

test('after a stall of ten seconds the last 200 ms are made good', () => {
  const track = new LoopTrack(100, 40, 0);
  run(track, 0);
  expect(run(track, 10_000).map(([, dueMs]) => dueMs)).toEqual([9800, 9840, 9880, 9920, 9960, 10_000]);
});

test('an empty track plays nothing', () => expect(run(new LoopTrack(0, 20, 0), 1e6)).toEqual([]));
