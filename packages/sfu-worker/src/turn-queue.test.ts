import { Telemetry } from '@shardcast/shared';
import { beforeEach, expect, test } from 'vitest';
import { Guard, type Guarded } from './guard.ts';
import { TurnQueue } from './turn-queue.ts';

let turns: (() => void)[];
let queue: TurnQueue;
let done: string[];
const owner = (path: string): Guarded => ({ path, close: (reason) => void done.push(`${path} closed: ${reason}`) });
const [alice, bob] = [owner('alice'), owner('bob')];

beforeEach(() => {
  turns = [];
  done = [];
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  queue = new TurnQueue(new Guard(new Telemetry(Telemetry.allocate()), log), (run) => void turns.push(run));
});

function turn(): void {
  for (const run of turns.splice(0)) run();
}

test('one piece a turn, in order, and nothing is scheduled when nothing waits', () => {
  for (const name of ['a', 'b', 'c']) queue.push(alice, () => void done.push(name));
  expect(done).toEqual([]);
  turn();
  expect(done).toEqual(['a']);
  turn();
  queue.push(bob, () => void done.push('d'));
  turn();
  turn();
  expect([done, turns, queue.length]).toEqual([['a', 'b', 'c', 'd'], [], 0]);
  queue.push(bob, () => void done.push('e'));
  turn();
  expect(done.at(-1)).toBe('e');
});

test('a piece may push the next one', () => {
  queue.push(alice, () => void queue.push(alice, () => void done.push('second')));
  turn();
  turn();
  expect(done).toEqual(['second']);
});

test('who pushes without end is refused, and the others are not', () => {
  let taken = 0;
  for (let i = 0; i < 100; i++) taken += queue.push(alice, () => {}) ? 1 : 0;
  expect(taken).toBe(32);
  expect(queue.push(bob, () => {})).toBe(true);
  turn();
  expect(queue.push(alice, () => {})).toBe(true);
  const many = Array.from({ length: 10_000 }, (_, i) => queue.push(owner(`${i}`), () => {}));
  expect(many.filter(Boolean)).toHaveLength(8192 - 33);
});

test('thousands of pieces are each done once', () => {
  let count = 0;
  for (let i = 0; i < 5000; i++) queue.push(owner(`${i}`), () => void count++);
  while (turns.length > 0) turn();
  expect(count).toBe(5000);
});

test('one that throws ends its owner, and the next has its turn', () => {
  queue.push(alice, () => {
    throw new Error('a bug');
  });
  queue.push(bob, () => void done.push('bob'));
  turn();
  turn();
  expect(done).toEqual(['alice closed: an internal error', 'bob']);
});

test('closed, it takes nothing and does nothing', () => {
  queue.push(alice, () => void done.push('late'));
  queue.close();
  turn();
  expect([done, queue.push(alice, () => {}), queue.length]).toEqual([[], false, 0]);
});
