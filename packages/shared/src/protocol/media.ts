import { z } from 'zod';

export const MEDIA_KINDS = ['video', 'audio'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

/** What Shardcast forwards. Names are those of `a=rtpmap`, upper case. */
export const CODEC_NAMES = ['H264', 'H265', 'VP8', 'VP9', 'AV1', 'OPUS', 'PCMU', 'PCMA', 'G722'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

/** One codec as an SDP describes it. */
export const CodecParameters = z.strictObject({
  name: z.enum(CODEC_NAMES),
  /** Hz, as in `a=rtpmap`. */
  clockRate: z.int().min(1),
  /** Absent for video. */
  channels: z.int().min(1).max(8).optional(),
  /** The value of `a=fmtp` without the payload type; empty when there is none. */
  fmtp: z.string(),
});
export type CodecParameters = z.infer<typeof CodecParameters>;

/** A track of a source, forwarded or skipped, as the API and the log show it. */
export const TrackInfo = z.strictObject({
  kind: z.enum(['video', 'audio', 'application']),
  /** The encoding name, as the source says it; it may be one that Shardcast does not forward. */
  codec: z.string(),
  clockRate: z.int(),
  /** Why the track is not forwarded; absent when it is. */
  skipped: z.string().optional(),
});
export type TrackInfo = z.infer<typeof TrackInfo>;
