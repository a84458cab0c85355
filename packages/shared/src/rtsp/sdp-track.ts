import {
  CODEC_NAMES,
  type CodecName,
  type CodecParameters,
  type MediaKind,
  type TrackInfo,
} from '../protocol/media.ts';

/** A track that can be forwarded. */
export type RtspTrack = {
  readonly kind: MediaKind;
  readonly codec: CodecParameters;
  readonly payloadType: number;
  /** Out-of-band parameter sets (VPS, SPS, PPS order), each one NAL unit without a start code. Absent when there are none. */
  readonly parameterSets?: readonly Buffer[];
};

/** The m-line being read: its attributes by name, each with all its values. */
export type MediaSection = {
  readonly kind: string;
  readonly protocol: string;
  readonly formats: readonly number[];
  readonly attributes: Map<string, string[]>;
};

type Encoding = { readonly name: string; readonly clockRate: number; readonly channels: number };

/** RFC 3551 §6: payload types with a meaning of their own, those that cameras send. */
const STATIC_ENCODINGS: Readonly<Record<number, Encoding>> = {
  0: { name: 'PCMU', clockRate: 8000, channels: 1 },
  3: { name: 'GSM', clockRate: 8000, channels: 1 },
  4: { name: 'G723', clockRate: 8000, channels: 1 },
  8: { name: 'PCMA', clockRate: 8000, channels: 1 },
  9: { name: 'G722', clockRate: 8000, channels: 1 },
  10: { name: 'L16', clockRate: 44100, channels: 2 },
  11: { name: 'L16', clockRate: 44100, channels: 1 },
  14: { name: 'MPA', clockRate: 90000, channels: 1 },
  26: { name: 'JPEG', clockRate: 90000, channels: 1 },
  31: { name: 'H261', clockRate: 90000, channels: 1 },
  32: { name: 'MPV', clockRate: 90000, channels: 1 },
  33: { name: 'MP2T', clockRate: 90000, channels: 1 },
};

/** What each codec must look like for a browser to play it (RFC 7587 for Opus, RFC 3551 for G.711 and G.722). */
const REQUIRED = {
  H264: { kind: 'video', clockRate: 90000 },
  H265: { kind: 'video', clockRate: 90000 },
  VP8: { kind: 'video', clockRate: 90000 },
  VP9: { kind: 'video', clockRate: 90000 },
  AV1: { kind: 'video', clockRate: 90000 },
  OPUS: { kind: 'audio', clockRate: 48000, channels: 2 },
  PCMU: { kind: 'audio', clockRate: 8000, channels: 1 },
  PCMA: { kind: 'audio', clockRate: 8000, channels: 1 },
  G722: { kind: 'audio', clockRate: 8000, channels: 1 },
} as const satisfies Record<CodecName, { kind: MediaKind; clockRate: number; channels?: number }>;

const ALIASES: Readonly<Record<string, CodecName>> = { HEVC: 'H265', AVC: 'H264', AV1X: 'AV1' };

const REASONS: Readonly<Record<string, string>> = {
  'MPEG4-GENERIC': 'browsers do not play AAC over WebRTC',
  'MP4A-LATM': 'browsers do not play AAC over WebRTC',
  JPEG: 'browsers do not play Motion JPEG over WebRTC',
  'VND.ONVIF.METADATA': 'ONVIF metadata is not media',
};

const MAX_PARAMETER_SETS = 16;
const MAX_PARAMETER_SET_BYTES = 4096;

/** What an m-line offers: its first format that can be forwarded, or the reason why none can. */
export function sdpTrack(section: MediaSection): { readonly info: TrackInfo; readonly track: RtspTrack | undefined } {
  if (section.protocol !== 'RTP/AVP' && section.protocol !== 'RTP/AVPF') {
    return skip(section, undefined, `transport ${section.protocol || 'unknown'} is not plain RTP`);
  }
  let firstRefusal: ReturnType<typeof skip> | undefined;
  for (const payloadType of section.formats) {
    const encoding = encodingOf(section, payloadType);
    const reason = refusal(section, encoding);
    const name = codecName(encoding?.name);
    if (reason === undefined && encoding !== undefined && name !== undefined) {
      return accept(section, payloadType, name, encoding);
    }
    firstRefusal ??= skip(section, encoding, reason ?? 'unknown encoding');
  }
  return firstRefusal ?? skip(section, undefined, 'no payload type');
}

function accept(section: MediaSection, payloadType: number, name: CodecName, encoding: Encoding) {
  const fmtp = formatParameters(section, payloadType);
  const { kind } = REQUIRED[name];
  const clockRate = encoding.clockRate;
  const codec: CodecParameters =
    kind === 'audio' ? { name, clockRate, channels: encoding.channels, fmtp } : { name, clockRate, fmtp };
  const sets = parameterSets(name, fmtp);
  const track: RtspTrack = { kind, codec, payloadType, ...(sets.length > 0 ? { parameterSets: sets } : {}) };
  return { info: { kind, codec: encoding.name, clockRate }, track };
}

function skip(section: MediaSection, encoding: Encoding | undefined, reason: string) {
  const kind = section.kind === 'video' || section.kind === 'audio' ? section.kind : 'application';
  const info: TrackInfo = {
    kind,
    codec: encoding?.name ?? 'unknown',
    clockRate: encoding?.clockRate ?? 0,
    skipped: reason,
  };
  return { info, track: undefined };
}

/** Why an encoding is not forwarded; undefined when it is. */
function refusal(section: MediaSection, encoding: Encoding | undefined): string | undefined {
  if (encoding === undefined) return 'a dynamic payload type without a=rtpmap';
  const known = REASONS[encoding.name.toUpperCase()];
  if (known !== undefined) return known;
  const name = codecName(encoding.name);
  if (name === undefined) return `${encoding.name} is not supported`;
  const required = REQUIRED[name];
  if (required.kind !== section.kind) return `${encoding.name} in an m=${section.kind} section`;
  if (encoding.clockRate !== required.clockRate) {
    return `${encoding.name} at ${encoding.clockRate} Hz: WebRTC has only ${required.clockRate} Hz`;
  }
  if ('channels' in required && encoding.channels !== required.channels) {
    return `${encoding.name} with ${encoding.channels} channels: WebRTC has only ${required.channels}`;
  }
  return undefined;
}

function codecName(name: string | undefined): CodecName | undefined {
  const upper = name?.toUpperCase() ?? '';
  return ALIASES[upper] ?? CODEC_NAMES.find((codec) => codec === upper);
}

function encodingOf(section: MediaSection, payloadType: number): Encoding | undefined {
  for (const value of section.attributes.get('rtpmap') ?? []) {
    const match = /^(\d{1,3})\s+([A-Za-z0-9._+-]{1,64})\s*\/\s*(\d{1,9})(?:\s*\/\s*(\d{1,2}))?/.exec(value);
    if (match === null || Number(match[1]) !== payloadType) continue;
    const [, , name = '', clockRate, channels] = match;
    return { name, clockRate: Number(clockRate), channels: channels === undefined ? 1 : Number(channels) };
  }
  return STATIC_ENCODINGS[payloadType];
}

function formatParameters(section: MediaSection, payloadType: number): string {
  for (const value of section.attributes.get('fmtp') ?? []) {
    const match = /^(\d{1,3})\s+(.*)$/.exec(value);
    if (match !== null && Number(match[1]) === payloadType) return match[2]?.trim() ?? '';
  }
  return '';
}

/** RFC 6184 §8.1 and RFC 7798 §7.1. Sets that are not what their name says are left out: some cameras send empty ones. */
function parameterSets(name: CodecName, fmtp: string): Buffer[] {
  if (name === 'H264') {
    const isSet = (nal: Buffer) => nalType(nal, 0, 0x1f) === 7 || nalType(nal, 0, 0x1f) === 8;
    const sets = readSets(fmtp, 'sprop-parameter-sets').filter(isSet);
    return sets.sort((left, right) => nalType(left, 0, 0x1f) - nalType(right, 0, 0x1f));
  }
  if (name !== 'H265') return [];
  const of = (key: string, type: number) => readSets(fmtp, key).filter((nal) => nalType(nal, 1, 0x3f) === type);
  return [...of('sprop-vps', 32), ...of('sprop-sps', 33), ...of('sprop-pps', 34)];
}

function nalType(nal: Buffer, shift: number, mask: number): number {
  return ((nal[0] ?? 0) >> shift) & mask;
}

function readSets(fmtp: string, key: string): Buffer[] {
  for (const parameter of fmtp.split(';')) {
    const equals = parameter.indexOf('=');
    if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== key) continue;
    return parameter
      .slice(equals + 1)
      .split(',', MAX_PARAMETER_SETS)
      .map((text) => Buffer.from(text.trim(), 'base64'))
      .filter((nal) => nal.length >= 2 && nal.length <= MAX_PARAMETER_SET_BYTES);
  }
  return [];
}
