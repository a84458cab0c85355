import type { TrackFacts } from '@shardcast/shared';
import { z } from 'zod';

export const BROWSERS = ['chrome', 'firefox', 'safari'] as const;
export type Browser = (typeof BROWSERS)[number];

export const Playability = z.strictObject({
  plays: z.enum(['yes', 'badly', 'some', 'no']).describe('`some`: where the hardware or the version allows it.'),
  why: z.string().nullable(),
});
export type Playability = z.infer<typeof Playability>;

const YES: Playability = { plays: 'yes', why: null };

/** H.264 §A.2: profiles whose pictures are 8 bits and 4:2:0, which is what browsers decode. */
const H264_BROWSER_PROFILES: ReadonlySet<number> = new Set([66, 77, 88, 100]);
/** Level 5.2, 4096x2304 at 60: what decoders of browsers promise at most. */
const H264_MAX_LEVEL = 52;

/** Whether a browser shows a track; what the three have in common comes first. */
export function playability(track: TrackFacts, browser: Browser): Playability {
  switch (track.codec) {
    case 'H264':
      return h264(track);
    case 'H265':
      return h265(browser);
    case 'AV1':
      return browser === 'safari' ? { plays: 'some', why: 'Safari decodes AV1 by hardware alone (M3, A17 Pro)' } : YES;
    default:
      return YES;
  }
}

function h264({ profileIdc, levelIdc, reorderedShare }: TrackFacts): Playability {
  if (profileIdc !== null && !H264_BROWSER_PROFILES.has(profileIdc))
    return { plays: 'no', why: `browsers do not decode the profile ${h264ProfileName(profileIdc)}` };
  if ((reorderedShare ?? 0) > 0) return { plays: 'badly', why: 'B-frames are shown in the wrong order' };
  if (levelIdc !== null && levelIdc > H264_MAX_LEVEL)
    return { plays: 'some', why: `level ${levelIdc / 10} is more than many decoders promise` };
  return YES;
}

function h265(browser: Browser): Playability {
  if (browser === 'firefox') return { plays: 'no', why: 'Firefox has no H.265 in WebRTC' };
  if (browser === 'safari') return { plays: 'some', why: 'Safari 18 and newer' };
  return { plays: 'some', why: 'Chrome 136 and newer, where the hardware decodes H.265' };
}

/** H.264 §A.2. */
export function h264ProfileName(profileIdc: number, constraintFlags = 0): string {
  const CONSTRAINED = 0x40; // constraint_set1_flag
  switch (profileIdc) {
    case 66:
      return (constraintFlags & CONSTRAINED) !== 0 ? 'Constrained Baseline' : 'Baseline';
    case 77:
      return 'Main';
    case 88:
      return 'Extended';
    case 100:
      return 'High';
    case 110:
      return 'High 10';
    case 122:
      return 'High 4:2:2';
    case 244:
      return 'High 4:4:4 Predictive';
    default:
      return `${profileIdc}`;
  }
}

/** H.265 §A.3. */
export function h265ProfileName(profileIdc: number): string {
  return ['', 'Main', 'Main 10', 'Main Still Picture', 'Range Extensions'][profileIdc] || `${profileIdc}`;
}
