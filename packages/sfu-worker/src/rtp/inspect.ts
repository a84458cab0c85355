import type { CodecName } from '@shardcast/shared';
import { inspectAv1 } from './av1.ts';
import { FRAME } from './frame-flags.ts';
import { inspectH264 } from './h264/frame-info.ts';
import { inspectH265 } from './h265/frame-info.ts';
import { inspectVp8 } from './vp8.ts';
import { inspectVp9 } from './vp9.ts';

export { FRAME } from './frame-flags.ts';

/** Reads an RTP payload in buffer[start, end) and answers with bits of `FRAME`; pure, allocates nothing, never throws. */
export type Inspect = (buffer: Buffer, start: number, end: number) => number;

/** Audio can be joined at any packet. */
function inspectAudio(): number {
  return FRAME.KEYFRAME_START;
}

const INSPECTORS = {
  H264: inspectH264,
  H265: inspectH265,
  VP8: inspectVp8,
  VP9: inspectVp9,
  AV1: inspectAv1,
  OPUS: inspectAudio,
  PCMU: inspectAudio,
  PCMA: inspectAudio,
  G722: inspectAudio,
} satisfies Record<CodecName, Inspect>;

export function inspectorFor(codec: CodecName): Inspect {
  return INSPECTORS[codec];
}
