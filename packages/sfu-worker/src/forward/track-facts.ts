import type { CodecParameters, MediaKind, TrackFacts } from '@shardcast/shared';
import type { FrameGauge } from './frame-gauge.ts';
import type { ParameterSetFacts } from './repacker.ts';

export type TrackFactsInput = {
  readonly kind: MediaKind;
  readonly codec: CodecParameters;
  readonly gauge: FrameGauge;
  readonly parameterSets: ParameterSetFacts | undefined;
  readonly jitterTicks: number;
  readonly nowMs: number;
};

/** Everything that is known of a track, as it crosses to the main thread. */
export function trackFacts({ kind, codec, gauge, parameterSets, jitterTicks, nowMs }: TrackFactsInput): TrackFacts {
  const rates = gauge.rates();
  const isVideo = kind === 'video';
  return {
    kind,
    codec: codec.name,
    clockRate: codec.clockRate,
    profileIdc: parameterSets?.profileIdc ?? null,
    constraintFlags: parameterSets?.constraintFlags ?? null,
    levelIdc: parameterSets?.levelIdc ?? null,
    width: parameterSets?.width ?? null,
    height: parameterSets?.height ?? null,
    declaredFramesPerSecond: parameterSets?.framesPerSecond ?? null,
    framesPerSecond: isVideo ? known(rates.framesPerSecond) : null,
    bitsPerSecond: known(rates.bitsPerSecond),
    reorderedShare: isVideo ? known(rates.reorderedShare) : null,
    lostShare: known(rates.lostShare),
    keyframeIntervalSeconds: known(gauge.keyframeIntervalSeconds),
    secondsSinceKeyframe: known(gauge.secondsSinceKeyframe(nowMs)),
    framesPerKeyframe: known(gauge.framesPerKeyframe),
    keyframes: gauge.keyframes,
    keyframesWithParameterSets: gauge.keyframesWithParameterSets,
    hasParameterSets: parameterSets?.isComplete ?? null,
    jitterMs: (jitterTicks * 1000) / codec.clockRate,
    clockDriftPpm: known(gauge.clockDriftPpm()),
  };
}

function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
