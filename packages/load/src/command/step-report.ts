import { type Spread, type StepReport, spreadOf, type ViewerReport } from '../report/report.ts';
import type { ViewerResult } from '../viewers/audience-protocol.ts';
import { addCounts, lostOf, noCounts } from '../viewers/stream-meter.ts';
import type { Step } from './arguments.ts';
import type { Window } from './step-run.ts';

export type StepMeasurement = {
  readonly step: Step;
  readonly hasMarks: boolean;
  readonly failures: StepReport['failures'];
  readonly results: readonly ViewerResult[];
  readonly window: Window;
  readonly ramp: StepReport['ramp'];
  readonly timeline: StepReport['timeline'];
};

/** A stream of one frame in a second or two is no silent one. */
const SILENCE_MS = 3000;

/** Puts together what a step gave. */
export function stepReport({ step, hasMarks, failures, results, window, ramp, timeline }: StepMeasurement): StepReport {
  const { seconds, server, skipped, gone } = window;
  const counts = noCounts();
  let lost = 0;
  for (const result of results) {
    addCounts(counts, result.counts);
    lost += lostOf(result.counts);
  }
  // What a camera could not write has no sequence number in any viewer's stream, and each of its viewers misses it.
  const missed = Math.round(((skipped ?? 0) * results.length) / step.streams);
  const expected = counts.expected + missed;
  lost += missed;
  const jitters = results.map(({ jitterMs }) => jitterMs);
  const times = (of: (result: ViewerResult) => number | undefined) =>
    spreadOf(results.map(of).filter((ms) => ms !== undefined));
  return {
    name: step.name,
    streams: step.streams,
    viewers: step.viewers,
    joined: results.length,
    failures,
    silentViewers: results.filter(({ counts: own, silentMs }) => own.received === 0 || silentMs > SILENCE_MS).length,
    seconds,
    packets: counts.received,
    sessionPackets: results.reduce((sum, { sessionPackets }) => sum + sessionPackets, 0),
    packetsPerSecond: counts.received / seconds,
    bitrateBps: (counts.bytes * 8) / seconds,
    lost,
    lossPercent: expected === 0 ? 0 : (100 * lost) / expected,
    reordered: counts.reordered,
    duplicated: counts.duplicated,
    bad: counts.bad,
    camerasSkipped: skipped ?? null,
    camerasGone: gone ?? null,
    jitterMs: {
      mean: jitters.reduce((sum, ms) => sum + ms, 0) / Math.max(1, jitters.length),
      max: Math.max(0, ...jitters),
    },
    delayKind: hasMarks ? 'latency' : 'variation',
    delayMs: delaysOf(window),
    joinMs: {
      answer: times(({ answerMs }) => answerMs),
      connected: times(({ connectedMs }) => connectedMs),
      firstPacket: times(({ firstPacketMs }) => firstPacketMs),
      firstKeyframe: times(({ firstKeyframeMs }) => firstKeyframeMs),
    },
    server:
      server === undefined || counts.received === 0
        ? null
        : {
            cpuMicrosecondsPerPacket: (server.cpuSeconds * 1e6) / counts.received,
            cpuPercent: (100 * server.cpuSeconds) / seconds,
            residentBytes: server.residentBytes,
          },
    generator: { cpuPercent: (100 * window.generatorCpuSeconds) / seconds, lagMs: window.lagMs },
    ramp,
    timeline,
    perViewer: results.map((result) => viewerReport(result, seconds)),
  };
}

function delaysOf({ delays }: Window): Spread | null {
  const [p50, p99, max] = [delays.percentile(0.5), delays.percentile(0.99), delays.percentile(1)];
  return p50 === undefined || p99 === undefined || max === undefined ? null : { p50, p99, max };
}

function viewerReport(result: ViewerResult, seconds: number): ViewerReport {
  const { counts } = result;
  const lost = lostOf(counts);
  return {
    number: result.number,
    packets: counts.received,
    lost,
    lossPercent: counts.expected === 0 ? 0 : (100 * lost) / counts.expected,
    reordered: counts.reordered,
    duplicated: counts.duplicated,
    jitterMs: result.jitterMs,
    bitrateBps: (counts.bytes * 8) / seconds,
    answerMs: result.answerMs,
    firstPacketMs: result.firstPacketMs ?? null,
    firstKeyframeMs: result.firstKeyframeMs ?? null,
    codecs: result.codecs,
  };
}
