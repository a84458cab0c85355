import type { CodecParameters } from '@shardcast/shared';
import { type CarriedCodec, isCarried, type OfferedCodec, type OfferedMedia } from './offer.ts';

const VIDEO: readonly string[] = ['H264', 'H265', 'VP8', 'VP9', 'AV1'];

/**
 * Everything that we take from a publisher, in its order: it chooses. (A client whose track has a fixed codec may list
 * that one last; a one-codec answer made such clients fail.)
 */
export function publisherCodecs(media: OfferedMedia): CarriedCodec[] {
  return media.codecs.filter(isCarried).filter((codec) => VIDEO.includes(codec.name) === (media.kind === 'video'));
}

/**
 * The viewer's payload for what the stream carries: the first in the viewer's order whose parameters fit best, with the
 * fmtp to answer. @returns undefined when the viewer cannot play the stream.
 */
export function matchCodec(offered: readonly OfferedCodec[], stream: CodecParameters): CarriedCodec | undefined {
  const same = offered
    .filter(isCarried)
    .filter(
      (codec) =>
        codec.name === stream.name &&
        codec.clockRate === stream.clockRate &&
        (stream.name === 'OPUS' || (codec.channels ?? 1) === (stream.channels ?? 1)),
    );
  switch (stream.name) {
    case 'H264':
      return matchH264(same, stream.fmtp);
    case 'H265': // RFC 7798 §7.1: profile-id defaults to 1 (Main); another one is better than none, as for H.264
      return (
        same.find((codec) => parameter(codec.fmtp, 'profile-id', '1') === parameter(stream.fmtp, 'profile-id', '1')) ??
        same[0]
      );
    case 'VP9': // RFC 9628 §7: profile-id defaults to 0
      return same.find(
        (codec) => parameter(codec.fmtp, 'profile-id', '0') === parameter(stream.fmtp, 'profile-id', '0'),
      );
    case 'AV1': // the profile defaults to 0 (main)
      return same.find((codec) => parameter(codec.fmtp, 'profile', '0') === parameter(stream.fmtp, 'profile', '0'));
    default:
      return same[0];
  }
}

type H264Profile = 'constrained-baseline' | 'baseline' | 'main' | 'constrained-high' | 'high' | 'other';

/** Profiles whose decoders can play a stream of the key's profile, best first. */
const PLAYED_BY: Readonly<Record<H264Profile, readonly H264Profile[]>> = {
  'constrained-baseline': ['constrained-baseline', 'baseline', 'main', 'constrained-high', 'high'],
  baseline: ['baseline', 'constrained-baseline', 'main', 'high'],
  main: ['main', 'high', 'constrained-high'],
  'constrained-high': ['constrained-high', 'high'],
  high: ['high', 'constrained-high', 'main'],
  other: ['other'],
};
/** No profile that promises it, but every decoder we know plays it: better a try than a refusal. */
const UNPROMISED_RANK = 50;

function matchH264(offered: readonly CarriedCodec[], streamFmtp: string): CarriedCodec | undefined {
  const streamMode = parameter(streamFmtp, 'packetization-mode', '0');
  const streamId = parameter(streamFmtp, 'profile-level-id', '42000a');
  const wanted = PLAYED_BY[h264Profile(streamId)];
  let best: { rank: number; codec: CarriedCodec } | undefined;
  for (const codec of offered) {
    const mode = parameter(codec.fmtp, 'packetization-mode', '0');
    // Single NAL units are valid in mode 1 too (RFC 6184 §6.3); fragments are not valid in mode 0.
    if (mode !== streamMode && !(streamMode === '0' && mode === '1')) continue;
    const at = wanted.indexOf(h264Profile(parameter(codec.fmtp, 'profile-level-id', '42000a')));
    const rank = at < 0 ? UNPROMISED_RANK : at;
    if (best === undefined || rank < best.rank) best = { rank, codec };
  }
  if (best === undefined) return undefined;
  return { ...best.codec, fmtp: answerFmtp(best.codec.fmtp, streamId) };
}

/**
 * The viewer's own parameters, with the level of the stream where `level-asymmetry-allowed` lets the answer say it
 * (RFC 6184 §8.2.2): decoders size themselves by it.
 */
function answerFmtp(offered: string, streamId: string): string {
  const offeredId = parameter(offered, 'profile-level-id', '');
  const isAsymmetric = parameter(offered, 'level-asymmetry-allowed', '0') === '1';
  if (!isAsymmetric || offeredId === '' || h264Profile(offeredId) !== h264Profile(streamId)) return offered;
  const id = offeredId.slice(0, 4) + streamId.slice(4).toLowerCase();
  return offered.replace(/profile-level-id=[0-9a-f]{6}/i, `profile-level-id=${id}`);
}

/** RFC 6184 §8.1, table 5. */
function h264Profile(profileLevelId: string): H264Profile {
  const value = Number.parseInt(profileLevelId, 16);
  const idc = value >> 16;
  const iop = (value >> 8) & 0xff;
  if (idc === 0x42) return (iop & 0x40) !== 0 ? 'constrained-baseline' : 'baseline';
  if (idc === 0x4d) return (iop & 0x80) !== 0 ? 'constrained-baseline' : 'main';
  if (idc === 0x58 && (iop & 0xc0) === 0xc0) return 'constrained-baseline';
  if (idc === 0x64) return (iop & 0x0c) === 0x0c ? 'constrained-high' : 'high';
  return 'other';
}

function parameter(fmtp: string, name: string, otherwise: string): string {
  for (const part of fmtp.split(';')) {
    const [key = '', value = ''] = part.split('=', 2);
    if (key.trim().toLowerCase() === name) return value.trim();
  }
  return otherwise;
}
