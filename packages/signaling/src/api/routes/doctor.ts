import { CODEC_NAMES, MEDIA_KINDS, ShardcastError, type TrackFacts, TrackInfo } from '@shardcast/shared';
import { z } from 'zod';
import { BROWSERS, h264ProfileName, h265ProfileName, Playability, playability } from '../../doctor/browsers.ts';
import { type DiagnosisSettings, Finding, findingsOf } from '../../doctor/findings.ts';
import type { Media } from '../../paths/media.ts';
import { type ApiRoute, route } from '../route.ts';

export type DoctorRoutesOptions = {
  readonly media: Pick<Media, 'path' | 'examine'>;
  /** Without it there is no doctor. */
  readonly diagnosis?: () => DiagnosisSettings;
};

const Known = z.number().nullable();
const ExaminedTrack = z.strictObject({
  kind: z.enum(MEDIA_KINDS),
  codec: z.enum(CODEC_NAMES),
  profile: z.string().nullable(),
  level: z.string().nullable(),
  width: Known,
  height: Known,
  framesPerSecond: Known,
  declaredFramesPerSecond: Known.describe('What the parameter set says.'),
  bitsPerSecond: Known,
  keyframeIntervalSeconds: Known,
  secondsSinceKeyframe: Known,
  framesPerKeyframe: Known.describe('GOP length.'),
  bFrames: z.boolean().nullable().describe('Frames are not sent in the order in which they are shown.'),
  parameterSets: z
    .enum(['with keyframes', 'elsewhere', 'missing'])
    .nullable()
    .describe('`elsewhere`: in the SDP or now and then; they are put before each keyframe.'),
  lostShare: Known.describe('Of packets on their way here, 0..1.'),
  jitterMs: Known,
  clockDriftPpm: Known.describe('Positive: its clock is fast. Known after 20 s.'),
  browsers: z.strictObject({ chrome: Playability, firefox: Playability, safari: Playability }),
});

const Examination = z
  .strictObject({
    name: z.string(),
    online: z.boolean(),
    source: z.string().nullable(),
    tracks: z.array(ExaminedTrack).describe('Rates are of the last ten seconds; null is not known yet.'),
    skippedTracks: z.array(TrackInfo),
    findings: z.array(Finding).describe('The worst first; empty when nothing is wrong.'),
  })
  .meta({ id: 'Examination' });

/** `/v3/paths/doctor/…` */
export function doctorRoutes({ media, diagnosis }: DoctorRoutesOptions): ApiRoute[] {
  if (diagnosis === undefined) return [];
  return [
    route({
      method: 'get',
      path: '/v3/paths/doctor/{name}',
      tag: 'Paths',
      summary: 'What a camera sends, which browsers play it, and what to change',
      response: Examination,
      async answer({ params: { name = '' } }) {
        const { tracks } = await media.examine(name);
        const info = media.path(name);
        if (info === undefined) throw new ShardcastError('PATH_NOT_FOUND', 'there is no such path');
        return {
          name,
          online: info.online,
          source: info.source?.type ?? null,
          tracks: tracks.map(examinedTrack),
          skippedTracks: info.tracks.filter(({ skipped }) => skipped !== undefined),
          findings: findingsOf(info, tracks, diagnosis()),
        };
      },
    }),
  ];
}

function examinedTrack(track: TrackFacts): z.input<typeof ExaminedTrack> {
  const { kind, codec, width, height, framesPerSecond, declaredFramesPerSecond, bitsPerSecond } = track;
  const { keyframeIntervalSeconds, secondsSinceKeyframe, framesPerKeyframe, reorderedShare, lostShare } = track;
  const isVideo = kind === 'video';
  const [chrome, firefox, safari] = BROWSERS.map((browser) => playability(track, browser)) as [
    Playability,
    Playability,
    Playability, // as many as there are browsers
  ];
  return {
    kind,
    codec,
    profile: profileName(track),
    level: levelName(track),
    width,
    height,
    framesPerSecond: rounded(framesPerSecond, 2),
    declaredFramesPerSecond: rounded(declaredFramesPerSecond, 2),
    bitsPerSecond: rounded(bitsPerSecond, 0),
    keyframeIntervalSeconds: isVideo ? rounded(keyframeIntervalSeconds, 2) : null,
    secondsSinceKeyframe: isVideo ? rounded(secondsSinceKeyframe, 2) : null,
    framesPerKeyframe: isVideo ? framesPerKeyframe : null,
    bFrames: reorderedShare === null ? null : reorderedShare > 0,
    parameterSets: parameterSets(track),
    lostShare: rounded(lostShare, 5),
    jitterMs: rounded(track.jitterMs, 2),
    clockDriftPpm: rounded(track.clockDriftPpm, 0),
    browsers: { chrome, firefox, safari },
  };
}

function profileName({ codec, profileIdc, constraintFlags }: TrackFacts): string | null {
  if (profileIdc === null) return null;
  return codec === 'H264' ? h264ProfileName(profileIdc, constraintFlags ?? 0) : h265ProfileName(profileIdc);
}

function levelName({ codec, levelIdc }: TrackFacts): string | null {
  return levelIdc === null ? null : (levelIdc / (codec === 'H264' ? 10 : 30)).toFixed(1);
}

function parameterSets(track: TrackFacts): 'with keyframes' | 'elsewhere' | 'missing' | null {
  const { hasParameterSets, keyframes, keyframesWithParameterSets } = track;
  if (hasParameterSets === null) return null;
  if (!hasParameterSets) return 'missing';
  return keyframes > 0 && keyframesWithParameterSets === keyframes ? 'with keyframes' : 'elsewhere';
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
