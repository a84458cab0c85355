import { z } from 'zod';
import { CODEC_NAMES, MEDIA_KINDS } from './media.ts';

const Unknown = z.number().nullable();

/** What a worker has seen of a track that it receives. Null is not known, or not yet. */
export const TrackFacts = z.strictObject({
  kind: z.enum(MEDIA_KINDS),
  codec: z.enum(CODEC_NAMES),
  /** Hz. */
  clockRate: z.int(),
  /** Of H.264 and H.265, from the parameter set that is in force. */
  profileIdc: Unknown,
  /** H.264: constraint_set0_flag is the top bit of 8. */
  constraintFlags: Unknown,
  /** As in the parameter set: H.264 10 times the level, H.265 30 times. */
  levelIdc: Unknown,
  /** Pixels, after cropping. */
  width: Unknown,
  height: Unknown,
  /** What the parameter set says. */
  declaredFramesPerSecond: Unknown,
  /** Of the newest some seconds. */
  framesPerSecond: Unknown,
  bitsPerSecond: Unknown,
  /** Share of frames that came after one that is shown later, 0..1: B-frames. */
  reorderedShare: Unknown,
  /** Share of packets that never came, 0..1. */
  lostShare: Unknown,
  /** Seconds between the newest two keyframes; and since the newest one. */
  keyframeIntervalSeconds: Unknown,
  secondsSinceKeyframe: Unknown,
  framesPerKeyframe: Unknown,
  /** Keyframes since the source came, and those of them that came with their parameter sets. */
  keyframes: z.int(),
  keyframesWithParameterSets: z.int(),
  /** A decoder could start: parameter sets are known from the stream or the SDP. Null where a codec has none. */
  hasParameterSets: z.boolean().nullable(),
  /** RFC 3550 appendix A.8, ms. */
  jitterMs: Unknown,
  /** How much faster the source's clock runs than ours, parts per million. */
  clockDriftPpm: Unknown,
});
export type TrackFacts = z.infer<typeof TrackFacts>;

export const StreamFacts = z.strictObject({ tracks: z.array(TrackFacts) });
export type StreamFacts = z.infer<typeof StreamFacts>;
