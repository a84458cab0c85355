import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addCounts, lostOf, noCounts, StreamMeter } from './stream-meter.ts';

const CLOCK = 90_000;
const FRAME_MS = 40;
const FRAME_TICKS = (FRAME_MS * CLOCK) / 1000;

function play(sequences: readonly number[]) {
  const counts = noCounts();
  const meter = new StreamMeter(counts, CLOCK);
  for (const [i, sequence] of sequences.entries()) {
    meter.take(sequence & 0xffff, (i * FRAME_TICKS) >>> 0, 100, i * FRAME_MS);
  }
  return { counts, meter };
}

test('packets that never come are lost, also over the wrap of the sequence number', () => {
  const { counts } = play([65_533, 65_534, 65_536, 65_539, 65_540]);
  expect(counts).toMatchObject({ received: 5, expected: 8, reordered: 0, duplicated: 0, bytes: 500 });
  expect(lostOf(counts)).toBe(3);
});

test('a late packet is reordered and not lost, one that comes twice hides no lost one', () => {
  const { counts } = play([1, 3, 2, 4, 4, 6]);
  expect(counts).toMatchObject({ received: 5, expected: 6, reordered: 1, duplicated: 1 });
  expect(lostOf(counts)).toBe(1);
});

test('whatever is dropped or doubled is counted exactly', () => {
  const packet = fc.record({ isDropped: fc.boolean(), isDoubled: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_535 }), fc.array(packet, { maxLength: 100 }), (first, packets) => {
      const sequences = [first - 1 < 0 ? 65_535 + 0x1_0000 : first - 1 + 0x1_0000];
      const at = sequences[0] ?? 0;
      packets.forEach(({ isDropped, isDoubled }, i) => {
        if (!isDropped) sequences.push(at + 1 + i, ...(isDoubled ? [at + 1 + i] : []));
      });
      sequences.push(at + 1 + packets.length);
      const { counts } = play(sequences);
      expect(lostOf(counts)).toBe(packets.filter(({ isDropped }) => isDropped).length);
      expect(counts.duplicated).toBe(packets.filter((each) => !each.isDropped && each.isDoubled).length);
      expect(counts.reordered).toBe(0);
    }),
  );
});

test('an even stream has no jitter; one whose every second packet is late has that much', () => {
  expect(play([1, 2, 3, 4, 5]).meter.jitterMs).toBe(0);
  const meter = new StreamMeter(noCounts(), CLOCK);
  for (let i = 0; i < 500; i++) meter.take(i, i * FRAME_TICKS, 100, i * FRAME_MS + (i % 2) * 8);
  expect(meter.jitterMs).toBeCloseTo(8, 3);
});

test('delay is counted from the fastest packet, over the wrap of the timestamp', () => {
  const meter = new StreamMeter(noCounts(), CLOCK);
  const first = 2 ** 32 - 2 * FRAME_TICKS;
  const late = [5, 0, 30, 2];
  const delays = late.map((ms, i) => {
    meter.take(i, (first + i * FRAME_TICKS) >>> 0, 100, 1000 + i * FRAME_MS + ms);
    return meter.delayMs;
  });
  expect(delays.map(Math.round)).toEqual([0, 0, 30, 2]);
});

test('counts of two moments are subtracted', () => {
  const before = { ...noCounts(), received: 3, bytes: 30 };
  expect(addCounts({ ...noCounts(), received: 5, bytes: 50 }, before, -1)).toMatchObject({ received: 2, bytes: 20 });
});
