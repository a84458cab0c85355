import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ntpFromUnixMs, ntpMiddle } from './ntp.ts';

test('1970 is 2,208,988,800 seconds after 1900', () => {
  expect(ntpFromUnixMs(0)).toEqual({ high: 2_208_988_800, low: 0 });
});

test('half a second is half of the fraction', () => {
  expect(ntpFromUnixMs(1500)).toEqual({ high: 2_208_988_801, low: 0x8000_0000 });
});

test('the seconds wrap in 2036', () => {
  expect(ntpFromUnixMs(Date.UTC(2036, 1, 7, 6, 28, 16))).toEqual({ high: 0, low: 0 });
});

test('both halves always fit 32 bits, and keep the milliseconds', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 8e12, noNaN: true }), (unixMs) => {
      const { high, low } = ntpFromUnixMs(unixMs);
      expect(Number.isInteger(low) && low >= 0 && low < 2 ** 32).toBe(true);
      expect(Number.isInteger(high) && high >= 0 && high < 2 ** 32).toBe(true);
      const seconds = (high - 2_208_988_800 + 2 ** 33) % 2 ** 32;
      const wanted = (unixMs / 1000) % 2 ** 32;
      expect(Math.abs(seconds + low / 2 ** 32 - wanted)).toBeLessThan(0.0001);
    }),
  );
});

test('the middle is the low half of the seconds and the high half of the fraction', () => {
  expect(ntpMiddle(0x1234_abcd, 0xef01_5678)).toBe(0xabcd_ef01);
});
