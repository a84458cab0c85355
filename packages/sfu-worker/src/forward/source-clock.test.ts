import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SourceClock } from './source-clock.ts';

const RATE = 90_000;
const FRAME = 3600;

function clockAt(sequence: number, timestamp: number): SourceClock {
  const clock = new SourceClock(RATE);
  clock.admit(1, sequence, timestamp, 0);
  return clock;
}

test('consecutive packets are next, without a gap, over the 16-bit wrap', () => {
  const clock = clockAt(65_534, 0);
  for (let i = 1; i <= 5; i++) {
    expect(clock.admit(1, (65_534 + i) & 0xffff, i * FRAME, i * 40)).toBe('next');
    expect(clock.gap).toBe(0);
  }
  expect(clock.highest - 65_534).toBe(5);
});

test('missing packets are a gap, and late ones are told from duplicates', () => {
  const clock = clockAt(100, 0);
  expect(clock.admit(1, 103, FRAME, 40)).toBe('next');
  expect(clock.gap).toBe(2);
  expect(clock.admit(1, 102, FRAME, 41)).toBe('late');
  expect(clock.admit(1, 102, FRAME, 42)).toBe('duplicate');
  expect(clock.admit(1, 103, FRAME, 43)).toBe('duplicate');
});

test('one stray packet far away is suspect, a second in order is a new source', () => {
  const clock = clockAt(100, 0);
  expect(clock.admit(1, 40_000, 5, 40)).toBe('suspect');
  expect(clock.admit(1, 101, FRAME, 40)).toBe('next');
  expect(clock.admit(1, 50_000, 5, 80)).toBe('suspect');
  expect(clock.admit(1, 50_001, 5, 80)).toBe('new-source');
});

test('a new SSRC goes on in time by the wall clock', () => {
  const clock = clockAt(7, 1_000_000);
  expect(clock.admit(2, 30_000, 123, 2000)).toBe('new-source');
  expect(clock.timestamp).toBe(1_000_000 + 2 * RATE);
  expect(clock.admit(2, 30_001, 123 + FRAME, 2040)).toBe('next');
  expect(clock.timestamp).toBe(1_000_000 + 2 * RATE + FRAME);
});

test('a jump of 2^31 in the timestamp does not reach the viewers', () => {
  const clock = clockAt(1, 0);
  clock.admit(1, 2, 0x8000_0000, 40);
  expect(clock.timestamp).toBe(FRAME);
  clock.admit(1, 3, (0x8000_0000 + FRAME) >>> 0, 80);
  expect(clock.timestamp).toBe(2 * FRAME);
});

test('time never runs backwards, whatever a camera that sends in order does with its timestamps and SSRC', () => {
  const step = fc.record({
    elapsedMs: fc.integer({ min: 1, max: 30_000 }),
    restart: fc.boolean(),
    jump: fc.integer({ min: 0, max: 0xffff_ffff }),
    jumps: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const clock = new SourceClock(RATE);
      let now = 0;
      let ssrc = 1;
      let sequence = 65_000;
      let timestamp = 0xffff_0000;
      clock.admit(ssrc, sequence, timestamp, now);
      let last = clock.timestamp;
      for (const { elapsedMs, restart, jump, jumps } of steps) {
        now += elapsedMs;
        if (restart) ssrc++;
        sequence = (sequence + 1) & 0xffff;
        timestamp =
          (timestamp + elapsedMs * 90 + (jumps && jump > 0x1000_0000 && jump < 0xf000_0000 ? jump : 0)) % 2 ** 32;
        clock.admit(ssrc, sequence, timestamp, now);
        const delta = (clock.timestamp - last + 2 ** 32) % 2 ** 32;
        expect(delta).toBeGreaterThan(0);
        expect(delta).toBeLessThan(2 ** 31);
        last = clock.timestamp;
      }
    }),
  );
});
