import type { Sample, Stage } from '../../bench/src/stage.ts';

/** What the attacked server has room for: its cameras, its viewers and most attacks' own. */
export const MAX_SESSIONS = 120;

/** How much of everything: 1 is what the goals say, less for a short run. */
export type Scale = {
  readonly share: number;
  readonly seconds: number;
  /** Times may be so many times as long: a short run goes along with everything else on a machine. */
  readonly patience: number;
};

/** What an attack finds. */
export type Finding = {
  /** In words, with numbers. */
  readonly figure: string;
  readonly isMet: boolean;
};

/** The server under attack, with cameras and viewers that must not notice. */
export type Target = {
  readonly stage: Stage;
  readonly web: URL;
  readonly rtsp: URL;
  readonly api: string;
  /** UDP ports of media, one a worker. */
  readonly mediaPorts: readonly number[];
  readonly scale: Scale;
};

/** One line of docs/benchmarks.md. */
export type Attack = {
  /** As in the goals: S3, R7, … */
  readonly id: string;
  readonly goal: string;
  /** Runs while the viewers are observed; they must lose nothing unless `isDisturbing`. */
  run(target: Target): Promise<Finding>;
  /** A shorter run leaves it out. */
  readonly isLong?: boolean;
  /** How much later than in the quiet windows a frame may come; not looked at in a short run. */
  readonly maxGapMs?: number;
};

/** A camera less of twenty is 5 % less; the ends of a short window are worth some. */
const DELIVERED_PERCENT = { long: 96, short: 92 };
const LONG_SECONDS = 2;

/** What viewers had of it: nothing lost, nothing missing, nothing forged. */
export function isUnhurt(sample: Sample): boolean {
  const delivered = sample.seconds >= LONG_SECONDS ? DELIVERED_PERCENT.long : DELIVERED_PERCENT.short;
  return sample.lossShare < 0.001 && sample.deliveredPercent >= delivered && sample.bad === 0 && sample.packets > 0;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The value below which `share` of them are. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
