import type { TrackFacts } from '@shardcast/shared';
import { describe, expect, test } from 'vitest';
import { pathInfo } from '../../test/fake-media.ts';
import type { PathInfo } from '../paths/media.ts';
import { playability } from './browsers.ts';
import { findingsOf } from './findings.ts';

const HEALTHY: TrackFacts = {
  kind: 'video',
  codec: 'H264',
  clockRate: 90_000,
  profileIdc: 66,
  constraintFlags: 0xc0,
  levelIdc: 31,
  width: 1280,
  height: 720,
  declaredFramesPerSecond: 25,
  framesPerSecond: 24.9,
  bitsPerSecond: 2e6,
  reorderedShare: 0,
  lostShare: 0,
  keyframeIntervalSeconds: 2,
  secondsSinceKeyframe: 1,
  framesPerKeyframe: 50,
  keyframes: 9,
  keyframesWithParameterSets: 9,
  hasParameterSets: true,
  jitterMs: 3,
  clockDriftPpm: 40,
};
const SETTINGS = { cacheMaxAgeMs: 10_000, nack: false };

const codes = (facts: Partial<TrackFacts>, info: Partial<PathInfo> = {}) =>
  findingsOf(pathInfo('cam', info), [{ ...HEALTHY, ...facts }], SETTINGS).map(
    ({ severity, code }) => `${severity} ${code}`,
  );

test('a healthy camera has nothing', () => {
  expect(codes({})).toEqual([]);
  expect(codes({ declaredFramesPerSecond: null, clockDriftPpm: null, lostShare: null, framesPerSecond: null })).toEqual(
    [],
  );
});

test.for<[string, Partial<TrackFacts>, string[]]>([
  ['B-frames', { reorderedShare: 0.6, profileIdc: 100 }, ['problem b-frames']],
  ['a profile that browsers do not have', { profileIdc: 122 }, ['problem profile']],
  ['H.265', { codec: 'H265', profileIdc: 1 }, ['warning h265']],
  ['no parameter sets', { hasParameterSets: false }, ['problem no-parameter-sets']],
  ['no keyframe', { keyframes: 0, keyframeIntervalSeconds: null, secondsSinceKeyframe: null }, ['problem no-keyframe']],
  ['keyframes far apart', { keyframeIntervalSeconds: 20 }, ['warning keyframe-interval']],
  ['keyframes that stopped', { secondsSinceKeyframe: 40 }, ['warning keyframe-interval']],
  ['loss', { lostShare: 0.02 }, ['warning loss']],
  ['jitter', { jitterMs: 80 }, ['hint jitter']],
  ['a clock of its own', { clockDriftPpm: -900 }, ['hint clock-drift']],
  ['too many bits', { bitsPerSecond: 25e6 }, ['hint bitrate']],
  ['frames left out', { framesPerSecond: 12 }, ['hint frame-rate']],
  [
    'several, the worst first',
    { jitterMs: 80, lostShare: 0.1, reorderedShare: 0.1 },
    ['problem b-frames', 'warning loss', 'hint jitter'],
  ],
])('%s', ([, facts, expected]) => {
  expect(codes(facts)).toEqual(expected);
});

test('keyframes that the cache covers are no more than a hint', () => {
  const settings = { cacheMaxAgeMs: 30_000, nack: false };
  const [finding] = findingsOf(pathInfo('cam'), [{ ...HEALTHY, keyframeIntervalSeconds: 20 }], settings);
  expect(finding).toMatchObject({ severity: 'hint', message: 'keyframes are 20 s apart' });
});

test('audio alone and skipped tracks are said', () => {
  const skipped = {
    kind: 'audio' as const,
    codec: 'MPEG4-GENERIC',
    clockRate: 48_000,
    skipped: 'browsers do not play AAC',
  };
  expect(codes({ kind: 'audio', codec: 'OPUS' }, { tracks: [skipped] })).toEqual([
    'warning skipped-track',
    'hint no-video',
  ]);
});

describe('a path that is not online says what to do about', () => {
  test.for<[string, RegExp]>([
    ['nobody publishes to it', /encoder/],
    ['the camera answered 401 Unauthorized', /password/],
    ['the camera answered 404 Not Found', /source/],
    ['connection refused', /port/],
    ['host unreachable', /power/],
    ['no media for 10 s', /rtspTransport/],
    ['host name not found', /address/],
    ['something new', /ffprobe/],
  ])('%s', ([reason, advice]) => {
    const findings = findingsOf(pathInfo('cam', { online: false, reason }), [], SETTINGS);
    expect(findings).toEqual([
      { severity: 'problem', code: 'offline', message: reason, advice: expect.stringMatching(advice) },
    ]);
  });
});

test('browsers differ where they do', () => {
  const plays = (facts: Partial<TrackFacts>) =>
    (['chrome', 'firefox', 'safari'] as const).map((browser) => playability({ ...HEALTHY, ...facts }, browser).plays);
  expect(plays({})).toEqual(['yes', 'yes', 'yes']);
  expect(plays({ reorderedShare: 0.1 })).toEqual(['badly', 'badly', 'badly']);
  expect(plays({ profileIdc: 244 })).toEqual(['no', 'no', 'no']);
  expect(plays({ codec: 'H265' })).toEqual(['some', 'no', 'some']);
  expect(plays({ codec: 'AV1' })).toEqual(['yes', 'yes', 'some']);
  expect(plays({ codec: 'VP8' })).toEqual(['yes', 'yes', 'yes']);
});
