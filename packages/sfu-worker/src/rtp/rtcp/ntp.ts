/** Seconds from 1900-01-01 to 1970-01-01. */
const UNIX_EPOCH_IN_NTP = 2_208_988_800;
const TWO_32 = 0x1_0000_0000;

/** A 64-bit NTP timestamp: seconds since 1900 mod 2^32, and their fraction in 1/2^32 s. */
export type NtpTime = { readonly high: number; readonly low: number };

/** Wall-clock milliseconds since 1970, fractions allowed, as NTP time (RFC 3550 §4). */
export function ntpFromUnixMs(unixMs: number): NtpTime {
  const seconds = Math.floor(unixMs / 1000);
  const fraction = (unixMs - seconds * 1000) / 1000;
  const high = (((seconds + UNIX_EPOCH_IN_NTP) % TWO_32) + TWO_32) % TWO_32;
  return { high, low: Math.min(TWO_32 - 1, Math.floor(fraction * TWO_32)) };
}

/** The middle 32 bits of an NTP timestamp, as LSR carries them (RFC 3550 §6.4.1). */
export function ntpMiddle(high: number, low: number): number {
  return ((high << 16) | (low >>> 16)) >>> 0;
}
