import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bitrate, bytes, cores, count, duration, inUnit, percent, seconds, since, UNKNOWN } from './format.ts';

test('figures are given in units that keep them short', () => {
  expect([bitrate(0), bitrate(999), bitrate(999.7), bitrate(1_001_000), bitrate(64.1e6)]).toEqual([
    '0 bit/s',
    '999 bit/s',
    '1.00 kbit/s',
    '1.00 Mbit/s',
    '64.1 Mbit/s',
  ]);
  expect([bytes(512), bytes(1024), bytes(151_000_000)]).toEqual(['512 B', '1.00 KiB', '144 MiB']);
  expect([percent(0), percent(0.00001), percent(0.0123), percent(0.205), percent(1)]).toEqual([
    '0 %',
    '< 0.01 %',
    '1.23 %',
    '20.5 %',
    '100 %',
  ]);
  expect([cores(0), cores(0.004), cores(0.99999), cores(1.4)]).toEqual([
    '0 mcores',
    '4.00 mcores',
    '1.00 cores',
    '1.40 cores',
  ]);
  expect([seconds(0.0021), seconds(3), seconds(75)]).toEqual(['2.10 ms', '3.00 s', '1 min 15 s']);
  expect([duration(0), duration(59), duration(3_600), duration(90_061)]).toEqual(['0 s', '59 s', '1 h', '1 d 1 h']);
  expect(count(1234567)).toBe('1,234,567');
  expect(since('2026-11-23T10:00:00Z', Date.parse('2026-11-23T10:01:30Z'))).toBe('1 min 30 s');
  expect([inUnit(0.7, 'ratio'), inUnit(10_000, 'count'), inUnit(10, 'seconds')]).toEqual([
    '70.0 %',
    '10,000',
    '10.0 s',
  ]);
});

test('what is not known is shown as a dash, and nothing is longer than a cell', () => {
  for (const format of [bitrate, bytes, cores, count, duration, percent, seconds]) {
    expect([format(null), format(undefined), format(Number.NaN)]).toEqual([UNKNOWN, UNKNOWN, UNKNOWN]);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (value) => {
        expect(format(value).length).toBeLessThanOrEqual(18);
      }),
    );
  }
});
