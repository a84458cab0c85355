import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameGauge } from './frame-gauge.ts';

const RATE = 90_000;

/** Sends frames of `packets` packets of 1,000 bytes; timestamps in frames, in the order of sending. */
function play(
  gauge: FrameGauge,
  options: {
    seconds: number;
    fps?: number;
    order?: number[];
    ppm?: number;
    jitterMs?: (n: number) => number;
    from?: number;
  },
) {
  const { seconds, fps = 25, order = [0], ppm = 0, jitterMs = () => 0, from = 0 } = options;
  let n = 0;
  for (; n < seconds * fps; n++) {
    const shown = n + (order[n % order.length] as number);
    const nowMs = 1000 + (1000 * n) / fps + jitterMs(n);
    const timestamp = (from + Math.round(((shown * RATE) / fps) * (1 + ppm / 1e6))) % 2 ** 32;
    for (let packet = 0; packet < 4; packet++) gauge.packet(timestamp, 1000, nowMs);
    if (n % 50 === 0) {
      gauge.keyframe(nowMs);
      if (n % 100 === 0) for (let set = 0; set < 2; set++) gauge.parameterSets();
    }
    gauge.tick(nowMs);
  }
  return 1000 + (1000 * n) / fps;
}

test('frames, bits and keyframes are measured, across a wrap of the timestamp', () => {
  const gauge = new FrameGauge(RATE);
  const endMs = play(gauge, { seconds: 12, from: 2 ** 32 - 5 * RATE });
  const { framesPerSecond, bitsPerSecond, reorderedShare, lostShare } = gauge.rates();
  expect(framesPerSecond).toBeCloseTo(25, 5);
  expect(bitsPerSecond).toBeCloseTo(25 * 4 * 8000, 1);
  expect([reorderedShare, lostShare]).toEqual([0, 0]);
  expect(gauge.keyframesWithParameterSets).toBe(3);
  expect([gauge.keyframes, gauge.keyframeIntervalSeconds, gauge.framesPerKeyframe]).toEqual([6, 2, 50]);
  expect(gauge.secondsSinceKeyframe(endMs)).toBe(2);
});

test('B-frames show as frames that are sent after what is shown later', () => {
  const gauge = new FrameGauge(RATE);
  play(gauge, { seconds: 5, order: [2, -1, -1] }); // a P before the two B that it follows
  expect(gauge.rates().reorderedShare).toBeCloseTo(2 / 3, 1);
});

test('loss is a share of what was sent', () => {
  const gauge = new FrameGauge(RATE);
  play(gauge, { seconds: 2 });
  gauge.lost(7);
  gauge.packet(1, 1, 4000);
  gauge.tick(4000);
  expect(gauge.rates().lostShare).toBeCloseTo(7 / (7 + 200 - 4 + 1), 5); // the first sample is taken after a frame
});

test('a clock that is fast or slow is found under any jitter of the network', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -2000, max: 2000 }),
      fc.array(fc.nat(30), { minLength: 97, maxLength: 97 }),
      (ppm, jitter) => {
        const gauge = new FrameGauge(RATE);
        play(gauge, { seconds: 61, ppm, jitterMs: (n) => jitter[n % 97] as number });
        expect(Math.abs(gauge.clockDriftPpm() - ppm)).toBeLessThan(300);
      },
    ),
    { numRuns: 30 },
  );
});

test('nothing is said before it is known, nor of the source before', () => {
  const gauge = new FrameGauge(RATE);
  expect([gauge.rates().framesPerSecond, gauge.keyframeIntervalSeconds, gauge.clockDriftPpm()]).toEqual([
    NaN,
    NaN,
    NaN,
  ]);
  play(gauge, { seconds: 10 });
  expect(gauge.clockDriftPpm()).toBeNaN();
  gauge.reset();
  expect([gauge.rates().framesPerSecond, gauge.keyframes, gauge.secondsSinceKeyframe(1)]).toEqual([NaN, 0, NaN]);
});
