import { describe, expect, test } from 'vitest';
import { ReceptionStats } from './reception-stats.ts';

const SSRC = 7;
const receive = (stats: ReceptionStats, sequences: number[]) => {
  for (const sequence of sequences) stats.update(sequence, sequence * 3000, (sequence * 100) / 3);
};

describe('ReceptionStats', () => {
  test('reports nothing before the first packet', () => {
    const stats = new ReceptionStats(90_000);
    expect(stats.hasPackets).toBe(false);
    expect(stats.report(SSRC, 0)).toEqual({
      ssrc: SSRC,
      fractionLost: 0,
      cumulativeLost: 0,
      highest: 0,
      jitter: 0,
      lsr: 0,
      dlsr: 0,
    });
  });

  test('counts loss since the last report, and in all (A.3)', () => {
    const stats = new ReceptionStats(90_000);
    receive(stats, [10, 11, 13]); // 1 of 4 lost
    expect(stats.report(SSRC, 0)).toMatchObject({ fractionLost: 64, cumulativeLost: 1, highest: 13 });
    receive(stats, [14, 15]);
    expect(stats.report(SSRC, 0)).toMatchObject({ fractionLost: 0, cumulativeLost: 1, highest: 15 });
    receive(stats, [17, 19]); // 2 of 4
    expect(stats.report(SSRC, 0)).toMatchObject({ fractionLost: 128, cumulativeLost: 3, highest: 19 });
  });

  test('a late packet mends the loss, never below zero in the fraction', () => {
    const stats = new ReceptionStats(90_000);
    receive(stats, [10, 12]);
    stats.report(SSRC, 0);
    receive(stats, [11]);
    expect(stats.report(SSRC, 0)).toMatchObject({ fractionLost: 0, cumulativeLost: 0, highest: 12 });
    receive(stats, [13]);
    stats.report(SSRC, 0);
    receive(stats, [14, 5, 6]); // three came, one was expected
    expect(stats.report(SSRC, 0)).toMatchObject({ fractionLost: 0, cumulativeLost: -2 });
    stats.reset();
    receive(stats, [10, 8, 9]); // before the base: more than expected
    expect(stats.report(SSRC, 0)).toMatchObject({ fractionLost: 0, cumulativeLost: -2 });
  });

  test('nothing is lost across a wrap, and the cycle shows', () => {
    const stats = new ReceptionStats(90_000);
    for (let sequence = 65_530; sequence < 65_546; sequence++) stats.update(sequence, 0, 0);
    expect(stats.report(SSRC, 0)).toMatchObject({ fractionLost: 0, cumulativeLost: 0, highest: 65_545 });
  });

  test('loss is clamped to 24 bits, the fraction to 255', () => {
    const stats = new ReceptionStats(90_000);
    receive(stats, [0]);
    stats.report(SSRC, 0);
    stats.update(0x100_0000, 0, 0);
    expect(stats.report(SSRC, 0)).toMatchObject({ cumulativeLost: 0x7f_ffff, fractionLost: 255 });
  });

  test('an even stream has no jitter, across a timestamp wrap too', () => {
    const stats = new ReceptionStats(90_000);
    for (let i = 0; i < 300; i++) stats.update(i, (0xffff_0000 + 3000 * i) >>> 0, (i * 100) / 3);
    expect(stats.report(SSRC, 0).jitter).toBe(0);
  });

  test('jitter tends to the mean change of transit time (A.8)', () => {
    const stats = new ReceptionStats(90_000);
    // Every other packet is 10 ms late: each step is 10 ms, 900 ticks.
    for (let i = 0; i < 300; i++) stats.update(i, 3600 * i, 40 * i + (i % 2) * 10);
    const { jitter } = stats.report(SSRC, 0);
    expect(jitter).toBeGreaterThanOrEqual(899);
    expect(jitter).toBeLessThanOrEqual(900);
  });

  test('a timestamp that jumps by 2^31 or back is not jitter', () => {
    const stats = new ReceptionStats(90_000);
    const timestamps = [1000, 1000 + 2 ** 31, 1000, 50];
    timestamps.forEach((timestamp, i) => {
      stats.update(i, timestamp, i);
    });
    expect(stats.report(SSRC, 0).jitter).toBeLessThan(1000);
  });

  test('echoes the last sender report and the time since', () => {
    const stats = new ReceptionStats(48_000);
    stats.onSenderReport(0xdead_beef, 1000);
    expect(stats.report(SSRC, 2500)).toMatchObject({ lsr: 0xdead_beef, dlsr: 98_304 });
    expect(stats.report(SSRC, 900)).toMatchObject({ dlsr: 0 }); // a clock that went back
    expect(stats.report(SSRC, 1e12)).toMatchObject({ dlsr: 0xffff_ffff });
  });

  test('a reset begins a new source', () => {
    const stats = new ReceptionStats(90_000);
    receive(stats, [10, 20]);
    stats.onSenderReport(1, 1);
    stats.reset();
    receive(stats, [5000, 5001]);
    expect(stats.report(SSRC, 9)).toEqual({
      ssrc: SSRC,
      fractionLost: 0,
      cumulativeLost: 0,
      highest: 5001,
      jitter: 0,
      lsr: 0,
      dlsr: 0,
    });
  });
});
