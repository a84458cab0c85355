/** What `--json` writes; docs/bench-command.md explains every key. Units are in the names; null is what was not measured. */
export type Report = {
  readonly tool: 'shardcast bench';
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Addresses without credentials. */
  readonly target: {
    readonly kind: 'own' | 'remote';
    readonly whep: string | null;
    readonly publish: string | null;
    readonly serverArguments: readonly string[];
  };
  readonly host: { readonly cpu: string; readonly processors: number; readonly system: string; readonly node: string };
  readonly limits: { readonly maxLossPercent: number; readonly maxDelayMs: number | null };
  /** Of a camera; null when the streams are others'. */
  readonly bitrateBps: number | null;
  readonly steps: readonly StepReport[];
  readonly interrupted: boolean;
  readonly passed: boolean;
  /** Why not; one line each. */
  readonly problems: readonly string[];
};

export type StepReport = {
  readonly name: string;
  readonly streams: number;
  /** Wanted. */
  readonly viewers: number;
  readonly joined: number;
  readonly failures: readonly { readonly reason: string; readonly count: number }[];
  /** Joined, and got no packet in the measured time, or none in its last three seconds. */
  readonly silentViewers: number;
  /** Measured time. */
  readonly seconds: number;
  readonly packets: number;
  /** RTP packets since the viewers joined, to be compared with a server's own counters. */
  readonly sessionPackets: number;
  readonly packetsPerSecond: number;
  readonly bitrateBps: number;
  readonly lost: number;
  readonly lossPercent: number;
  readonly reordered: number;
  readonly duplicated: number;
  /** Do not authenticate, or are not what our camera wrote there. */
  readonly bad: number;
  /** RTP packets that our cameras could not get rid of, since the server did not read; part of `lost`, once a viewer. */
  readonly camerasSkipped: number | null;
  /** Of our cameras whose connection the server ended (RTSP). */
  readonly camerasGone: number | null;
  readonly jitterMs: { readonly mean: number; readonly max: number };
  /** `latency`: from our camera's write of a frame to its last packet's arrival. `variation`: above the fastest frame. */
  readonly delayKind: 'latency' | 'variation';
  readonly delayMs: Spread | null;
  readonly joinMs: {
    readonly answer: Spread | null;
    readonly connected: Spread | null;
    readonly firstPacket: Spread | null;
    readonly firstKeyframe: Spread | null;
  };
  /** Of a server of its own, where the system says it. */
  readonly server: {
    readonly cpuMicrosecondsPerPacket: number;
    /** Of one processor. */
    readonly cpuPercent: number;
    readonly residentBytes: number;
  } | null;
  /** This command itself: near its limits, it is what is measured. */
  readonly generator: { readonly cpuPercent: number; readonly lagMs: number };
  readonly ramp: {
    readonly levels: readonly RampLevel[];
    /** The most viewers within the limits. */
    readonly heldViewers: number;
    /** The limit that ended it; null when all viewers were held. */
    readonly endedBy: string | null;
  } | null;
  readonly timeline: readonly Point[];
  readonly perViewer: readonly ViewerReport[];
};

export type Spread = { readonly p50: number; readonly p99: number; readonly max: number };

export type RampLevel = {
  readonly viewers: number;
  readonly lossPercent: number;
  readonly delayP99Ms: number | null;
  readonly held: boolean;
};

/** A second. */
export type Point = {
  readonly atSeconds: number;
  readonly viewers: number;
  readonly bitrateBps: number;
  readonly packetsPerSecond: number;
  readonly lossPercent: number;
  readonly delayP50Ms: number | null;
  readonly delayP99Ms: number | null;
  readonly jitterMs: number;
};

export type ViewerReport = {
  readonly number: number;
  readonly packets: number;
  readonly lost: number;
  readonly lossPercent: number;
  readonly reordered: number;
  readonly duplicated: number;
  readonly jitterMs: number;
  readonly bitrateBps: number;
  readonly answerMs: number;
  readonly firstPacketMs: number | null;
  readonly firstKeyframeMs: number | null;
  readonly codecs: readonly string[];
};

/** What is wrong with a step; empty when it is within the limits. */
export function problemsOf(
  step: Omit<StepReport, 'perViewer' | 'timeline'>,
  { maxLossPercent, maxDelayMs }: Report['limits'],
): readonly string[] {
  const { name, joined, viewers, ramp, silentViewers, camerasGone, lossPercent, delayMs, bad } = step;
  const problems: string[] = [];
  if (joined === 0) {
    const [failure] = step.failures;
    return [`${name}: no viewer joined${failure === undefined ? '' : `: ${failure.reason}`}`];
  }
  if (camerasGone !== null && camerasGone > 0) problems.push(`${name}: the server ended ${camerasGone} publishers`);
  if (ramp !== null) {
    if (ramp.heldViewers === 0 && ramp.endedBy !== null)
      problems.push(`${name}: the first viewers have ${ramp.endedBy}`);
    return problems;
  }
  for (const { reason, count } of step.failures) problems.push(`${name}: ${count} of ${viewers} failed: ${reason}`);
  if (silentViewers > 0) problems.push(`${name}: ${silentViewers} joined and got nothing, or nothing any more`);
  if (bad > 0) problems.push(`${name}: ${bad} packets are not what was sent`);
  const isLossy = lossPercent > maxLossPercent;
  if (isLossy) problems.push(`${name}: ${lossPercent.toFixed(3)} % lost, the limit is ${maxLossPercent} %`);
  if (maxDelayMs !== null && delayMs !== null && delayMs.p99 > maxDelayMs) {
    problems.push(
      `${name}: ${delayName(step.delayKind)} p99 ${delayMs.p99.toFixed(1)} ms, the limit is ${maxDelayMs} ms`,
    );
  }
  return problems;
}

export function delayName(kind: StepReport['delayKind']): string {
  return kind === 'latency' ? 'latency' : 'delay variation';
}

/** @param values ms. @returns null for none */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const [p50, p99, max] = [at(0.5), at(0.99), sorted.at(-1)];
  return p50 === undefined || p99 === undefined || max === undefined ? null : { p50, p99, max };
}
