/** What viewers saw in a window. */
export type Tally = {
  /** RTP packets. */
  received: number;
  /** RTP packets by their sequence numbers: what is missing of them is lost. */
  expected: number;
  /** Late or doubled. */
  disordered: number;
  /** Packets that do not authenticate. */
  rejected: number;
  /** Packets whose content is not what the camera sent in that place. */
  wrong: number;
  /** Packets whose content was checked. */
  marked: number;
  rtcp: number;
  /** 99th percentile of how late the process that reads them was, ms: latencies are not better than that. */
  lagMs: number;
  /** From a camera's write of a frame to the arrival of its last packet, ms. */
  latenciesMs: number[];
};

export function emptyTally(): Tally {
  return {
    received: 0,
    expected: 0,
    disordered: 0,
    rejected: 0,
    wrong: 0,
    marked: 0,
    rtcp: 0,
    lagMs: 0,
    latenciesMs: [],
  };
}

/** Lost by sequence numbers. A doubled packet hides a lost one, but is counted as disordered. */
export function lostOf({ expected, received }: Tally): number {
  return Math.max(0, expected - received);
}

/** @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** What the verifying viewers of a process saw, all together. */
export class Audience {
  tally = emptyTally();
  recording = false;

  reset(): void {
    this.tally = emptyTally();
    this.recording = true;
  }
}
