/** Figures as people read them. All take what the API says: bits a second, bytes, cores, seconds, ratios; null is not known. */

export const UNKNOWN = '–';

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(value: number | null | undefined): string {
  return isKnown(value) ? grouped.format(value) : UNKNOWN;
}

/** `1.25 Mbit/s` */
export function bitrate(value: number | null | undefined): string {
  return isKnown(value) ? scaled(value, 1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']) : UNKNOWN;
}

/** `1.25 MiB` */
export function bytes(value: number | null | undefined): string {
  return isKnown(value) ? scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']) : UNKNOWN;
}

/** Of a ratio: `12.3 %`. A little is told from nothing. */
export function percent(value: number | null | undefined): string {
  if (!isKnown(value)) return UNKNOWN;
  const hundred = value * 100;
  if (hundred > 0 && hundred < 0.01) return '< 0.01 %';
  return `${hundred === 0 ? '0' : digits(hundred)} %`;
}

/** `0.25 cores`, `12 mcores` */
export function cores(value: number | null | undefined): string {
  if (!isKnown(value)) return UNKNOWN;
  if (value >= 0.9995) return `${digits(value)} cores`;
  return `${digits(value * 1000)} mcores`;
}

/** A short time: `2.4 ms`, `1.2 s`. */
export function seconds(value: number | null | undefined): string {
  if (!isKnown(value)) return UNKNOWN;
  if (value >= 60) return duration(value);
  return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`;
}

/** A long time: `3 d 4 h`, `12 min 5 s`. */
export function duration(value: number | null | undefined): string {
  if (!isKnown(value)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(value));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3_600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

/** How long ago `time` (ISO 8601) was. */
export function since(time: string | null | undefined, nowMs = Date.now()): string {
  if (time === null || time === undefined) return UNKNOWN;
  return duration((nowMs - Date.parse(time)) / 1000);
}

/** A figure of an alarm in its unit. */
export function inUnit(value: number | null, unit: string): string {
  switch (unit) {
    case 'ratio':
      return percent(value);
    case 'bytes':
      return bytes(value);
    case 'seconds':
      return seconds(value);
    case 'bit/s':
      return bitrate(value);
    case 'cores':
      return cores(value);
    default:
      return count(value);
  }
}

function isKnown(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  // 999.7 would be shown as 1000.
  while (Math.abs(rest) >= step - 0.5 && unit < units.length - 1) {
    rest /= step;
    unit++;
  }
  return `${unit === 0 ? Math.round(rest) : digits(rest)} ${units[unit]}`;
}

/** Three digits that say something. */
function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 || value === 0 ? 0 : size >= 9.995 ? 1 : 2);
}
