/** Bits a second, for people. */
export function bitrateText(bitrateBps: number): string {
  if (bitrateBps >= 1e9) return `${(bitrateBps / 1e9).toFixed(2)} Gbit/s`;
  if (bitrateBps >= 1e6) return `${(bitrateBps / 1e6).toFixed(bitrateBps >= 1e8 ? 0 : 1)} Mbit/s`;
  return `${(bitrateBps / 1e3).toFixed(0)} kbit/s`;
}

/** Three digits or so; what was not measured is a dash. */
export function msText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

export function percentText(percent: number): string {
  return `${percent >= 10 ? percent.toFixed(1) : percent.toFixed(3)} %`;
}

/** With a thin space between thousands. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, '\u2009');
}
