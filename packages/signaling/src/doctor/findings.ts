import type { TrackFacts } from '@shardcast/shared';
import { z } from 'zod';
import type { PathInfo } from '../paths/media.ts';
import { playability } from './browsers.ts';

export const Finding = z
  .strictObject({
    severity: z.enum(['problem', 'warning', 'hint']).describe('`problem`: viewers see no picture, or a broken one.'),
    code: z.string().describe('For programs.'),
    message: z.string().describe('What was seen.'),
    advice: z.string().describe('What to change.'),
  })
  .meta({ id: 'Finding' });
export type Finding = z.infer<typeof Finding>;

export type DiagnosisSettings = {
  /** The longest keyframe interval that the keyframe cache covers, ms; 0 when it is off. */
  readonly cacheMaxAgeMs: number;
  readonly nack: boolean;
};

/** More than this and a viewer without NACK sees it. */
const MAX_LOSS = 0.001;
const MAX_JITTER_MS = 50;
/** Crystals are within 100; more is a camera that counts frames instead of time. */
const MAX_DRIFT_PPM = 500;
const LONG_GOP_SECONDS = 10;
const GOOD_GOP_SECONDS = 2;
const MAX_BITS_PER_SECOND = 10e6;
const FPS_TOLERANCE = 0.15;
/** Fewer tell nothing. */
const MIN_KEYFRAMES = 2;
/** Longer without a keyframe than this many of the intervals before, and it looks as if none came. */
const MISSED_INTERVALS = 3;

/** What is wrong with a stream and what to change, the worst first. Empty when nothing is. */
export function findingsOf(info: PathInfo, tracks: readonly TrackFacts[], settings: DiagnosisSettings): Finding[] {
  if (!info.online) return [offline(info.reason ?? 'nothing comes')];
  const findings = [
    ...tracks.flatMap((track) => (track.kind === 'video' ? videoFindings(track, settings) : [])),
    ...tracks.flatMap((track) => transportFindings(track, settings)),
    ...info.tracks.flatMap(({ codec, kind, skipped }) =>
      skipped === undefined ? [] : [skippedFinding(kind, codec, skipped)],
    ),
  ];
  if (!tracks.some(({ kind }) => kind === 'video'))
    findings.push(
      hint(
        'no-video',
        'there is no video',
        'If there should be one, choose H.264 in the camera, or look at the skipped tracks.',
      ),
    );
  const order = { problem: 0, warning: 1, hint: 2 };
  return findings.sort((a, b) => order[a.severity] - order[b.severity]);
}

function offline(reason: string): Finding {
  const advice = OFFLINE_ADVICE.find(([pattern]) => pattern.test(reason))?.[1];
  return {
    severity: 'problem',
    code: 'offline',
    message: reason,
    advice: advice ?? 'Look for the path in the log, and try the same address with ffprobe.',
  };
}

const OFFLINE_ADVICE: readonly (readonly [RegExp, string])[] = [
  [/nobody publishes|publisher left/, 'Point the encoder at this path, by RTSP or WHIP.'],
  [
    /\b401\b|credentials|unauthor/i,
    "Check the user and the password in the path's `source`; percent-encode `@ : /` in them.",
  ],
  [/\b404\b/, 'The camera has no such stream: check the part of `source` after the host.'],
  [
    /\b45[4-9]\b|\b46\d\b/,
    'The camera refuses this transport or more connections: set `rtspTransport`, or close other readers.',
  ],
  [/connection refused/, 'The host is there and nothing listens on that port: check the port, and that RTSP is on.'],
  [/unreachable|timed out|did not answer/, 'The camera cannot be reached: check its power, address and network.'],
  [/sourceNetworks/, "Add the camera's network to `sourceNetworks`, if that is where it should be."],
  [/certificate/, "Set the path's `sourceFingerprint` to the one that the message names, if it is your camera's."],
  [/host name/, 'The name cannot be resolved: check it, or write the address.'],
  [/no media/, 'The camera answers and sends nothing: try another `rtspTransport`, or another of its streams.'],
  [/quarantine|killing/i, 'This stream brought its worker down: please report it, with a recording.'],
];

function videoFindings(track: TrackFacts, settings: DiagnosisSettings): Finding[] {
  const { codec, hasParameterSets, bitsPerSecond } = track;
  const findings = [...keyframeFindings(track, settings)];
  if ((track.reorderedShare ?? 0) > 0)
    findings.push(
      problem(
        'b-frames',
        `${percent(track.reorderedShare)} of the frames are B-frames, which browsers show in the wrong order`,
        'Switch B-frames off in the camera (profile Baseline, or "max B-frames" 0); `-bf 0` or `-tune zerolatency` for x264.',
      ),
    );
  else {
    const { plays, why } = playability(track, 'chrome');
    if (plays === 'no')
      findings.push(problem('profile', why ?? '', 'Choose Baseline, Main or High, 8 bits and 4:2:0.'));
  }
  if (codec === 'H265')
    findings.push(
      warning(
        'h265',
        'the video is H.265, which few browsers play',
        'Choose H.264 in the camera, or pull its H.264 sub-stream.',
      ),
    );
  if (hasParameterSets === false)
    findings.push(
      problem(
        'no-parameter-sets',
        'neither the stream nor its SDP has parameter sets: no decoder can start',
        'Switch on "SPS/PPS with every keyframe" in the camera; `-bsf:v dump_extra` for ffmpeg.',
      ),
    );
  if (bitsPerSecond !== null && bitsPerSecond > MAX_BITS_PER_SECOND)
    findings.push(
      hint(
        'bitrate',
        `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s go to every viewer`,
        'Lower the bitrate or the size, or offer the sub-stream where it is shown small.',
      ),
    );
  const { framesPerSecond, declaredFramesPerSecond } = track;
  if (framesPerSecond !== null && declaredFramesPerSecond !== null) {
    const ratio = framesPerSecond / declaredFramesPerSecond;
    if (ratio < 1 - FPS_TOLERANCE && framesPerSecond > 0)
      findings.push(
        hint(
          'frame-rate',
          `${framesPerSecond.toFixed(1)} frames a second come where ${declaredFramesPerSecond.toFixed(1)} are announced`,
          'The camera leaves frames out: it may be overloaded, exposing for long at night, or set to a variable rate.',
        ),
      );
  }
  return findings;
}

function keyframeFindings(track: TrackFacts, { cacheMaxAgeMs }: DiagnosisSettings): Finding[] {
  const { keyframes, keyframeIntervalSeconds: interval, secondsSinceKeyframe: since } = track;
  const advice = `Set the keyframe interval ("GOP", "I-frame interval") to ${GOOD_GOP_SECONDS} s; \`-g\` for ffmpeg.`;
  if (keyframes === 0) return [problem('no-keyframe', 'no keyframe has come yet: viewers wait for the first', advice)];
  const isMissed =
    since !== null &&
    keyframes >= MIN_KEYFRAMES &&
    interval !== null &&
    since > MISSED_INTERVALS * Math.max(1, interval);
  const seconds = isMissed ? since : interval;
  if (seconds === null || seconds <= LONG_GOP_SECONDS) return [];
  const isCovered = cacheMaxAgeMs / 1000 >= seconds;
  return [
    (isCovered ? hint : warning)(
      'keyframe-interval',
      `keyframes are ${seconds.toFixed(0)} s apart${isCovered ? '' : ': new viewers, and those who lost a packet, wait that long'}`,
      advice,
    ),
  ];
}

function transportFindings(
  { kind, lostShare, jitterMs, clockDriftPpm }: TrackFacts,
  { nack }: DiagnosisSettings,
): Finding[] {
  const findings: Finding[] = [];
  if (lostShare !== null && lostShare > MAX_LOSS)
    findings.push(
      warning(
        'loss',
        `${percent(lostShare)} of the ${kind} is lost on its way here`,
        `Pull or push by TCP (\`rtspTransport: tcp\`), or look for the bad link${nack ? '' : '; a WHIP publisher can be asked again with `nack: on`'}.`,
      ),
    );
  if (jitterMs !== null && jitterMs > MAX_JITTER_MS)
    findings.push(
      hint(
        'jitter',
        `the ${kind} comes with a jitter of ${jitterMs.toFixed(0)} ms`,
        'Prefer a wire to Wi-Fi, and look for what else fills the link.',
      ),
    );
  if (clockDriftPpm !== null && Math.abs(clockDriftPpm) > MAX_DRIFT_PPM)
    findings.push(
      hint(
        'clock-drift',
        `the clock of the ${kind} is ${(Math.abs(clockDriftPpm) / 1e4).toFixed(2)} % too ${clockDriftPpm > 0 ? 'fast' : 'slow'}`,
        'Picture and sound come apart in time: set the camera to NTP, or to a constant frame rate.',
      ),
    );
  return findings;
}

function skippedFinding(kind: string, codec: string, reason: string): Finding {
  const advice = kind === 'audio' ? 'Choose G.711 or Opus in the camera.' : 'Nothing, unless you miss it.';
  const make = kind === 'application' ? hint : warning;
  return make('skipped-track', `the ${kind} track ${codec} is left out: ${reason}`, advice);
}

function problem(code: string, message: string, advice: string): Finding {
  return { severity: 'problem', code, message, advice };
}
function warning(code: string, message: string, advice: string): Finding {
  return { severity: 'warning', code, message, advice };
}
function hint(code: string, message: string, advice: string): Finding {
  return { severity: 'hint', code, message, advice };
}

function percent(share: number | null): string {
  const value = 100 * (share ?? 0);
  return `${value.toFixed(value < 1 ? 2 : 0)} %`;
}
