import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PathEvent } from './media.ts';
import { PathAnnouncer } from './path-announcer.ts';

let nowMs = 0;
let announcer: PathAnnouncer;
let heard: PathEvent[];
let lines: Record<string, unknown>[];

function begin(): void {
  vi.clearAllTimers();
  nowMs = 0;
  heard = [];
  lines = [];
  const log = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
  announcer = new PathAnnouncer({ log, clock: () => nowMs });
  announcer.listen((event) => heard.push(event));
}
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  begin();
});
afterEach(() => {
  announcer.close();
  vi.useRealTimers();
});

function pass(ms: number): void {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
}
function flip(path: string, isOnline: boolean, n = 0): void {
  if (isOnline) announcer.tell({ type: 'online', path, tracks: [] }, { worker: 1 });
  else announcer.tell({ type: 'offline', path, reason: `reason ${n}` }, { reason: `reason ${n}` });
}

test('what happens now and then is told at once', () => {
  for (let n = 0; n < 10; n++) {
    flip('cam', n % 2 === 0, n);
    expect(heard).toHaveLength(n + 1);
    pass(1000);
  }
  expect(lines[0]).toMatchObject({ msg: 'stream online', path: 'cam', worker: 1 });
  expect(lines[1]).toMatchObject({ msg: 'stream offline', path: 'cam', reason: 'reason 1' });
});

test('a path that flips a thousand times a second is told of once a second, and its last state in the end', () => {
  for (let n = 0; n < 10_001; n++) {
    flip('cam', n % 2 === 1, n);
    pass(1);
  }
  expect(heard.length).toBeLessThan(16);
  pass(1250);
  expect(heard.at(-1)).toEqual({ type: 'offline', path: 'cam', reason: 'reason 10000' });
  expect(lines).toHaveLength(heard.length);
  const suppressed = lines.reduce((sum, line) => sum + Number(line['suppressed'] ?? 0), 0);
  expect(suppressed + lines.length).toBe(10_001);
  expect(vi.getTimerCount()).toBe(0);
});

test('one path does not delay another', () => {
  for (let n = 0; n < 100; n++) flip('wild', n % 2 === 0);
  flip('calm', true);
  expect(heard.at(-1)).toMatchObject({ path: 'calm' });
});

test('closing tells what was held back', () => {
  for (let n = 0; n < 100; n++) flip('cam', n % 2 === 0, n);
  announcer.close();
  expect(heard.at(-1)).toMatchObject({ type: 'offline', reason: 'reason 99' });
  flip('cam', true);
  expect(heard.at(-1)).toMatchObject({ type: 'online' });
  expect(vi.getTimerCount()).toBe(0);
});

test('whatever happens, the last thing told of each path is the last that happened, within a second or so', () => {
  const step = fc.tuple(fc.constantFrom('a', 'b'), fc.boolean(), fc.integer({ min: 0, max: 400 }));
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      begin();
      const last = new Map<string, string>();
      for (const [n, [path, isOnline, laterMs]] of steps.entries()) {
        flip(path, isOnline, n);
        last.set(path, isOnline ? 'online' : `reason ${n}`);
        pass(laterMs);
        announcer.prune(nowMs);
      }
      pass(1250);
      const told = new Map(heard.map((event) => [event.path, event.type === 'online' ? 'online' : event.reason]));
      expect(told).toEqual(last);
      announcer.close();
    }),
  );
});
