import { CODEC_NAMES, type CodecName, ShardcastError } from '@shardcast/shared';
import type { Fingerprint } from '../dtls/peer-verifier.ts';

const MAX_BYTES = 64 * 1024;
const MAX_LINES = 2000;
const MAX_MEDIA = 32;
/** Payload types have 7 bits. */
const MAX_FORMATS = 128;
/** RFC 8839 §5.4. */
const MIN_UFRAG = 4;
const MIN_PWD = 22;

/** A codec as an m-line offers it. */
export type OfferedCodec = {
  readonly payloadType: number;
  /** Encoding name in upper case; it may be one that we do not carry (`RTX`, `RED`, …). */
  readonly name: string;
  readonly clockRate: number;
  readonly channels?: number;
  readonly fmtp: string;
  /** Values of `a=rtcp-fb` for this payload. */
  readonly feedback: readonly string[];
};

/** A codec that we carry. */
export type CarriedCodec = OfferedCodec & { readonly name: CodecName };

export type OfferedMedia = {
  readonly kind: string;
  readonly protocol: string;
  readonly formats: readonly string[];
  readonly mid?: string;
  /** In the offer's order of preference. */
  readonly codecs: readonly OfferedCodec[];
  /** Not rejected by port 0, of an RTP profile that we speak, and on the one transport. */
  readonly isUsable: boolean;
  /** The peer wants to receive; it wants to send. */
  readonly canReceive: boolean;
  readonly canSend: boolean;
  readonly reducedSizeRtcp: boolean;
  /** SSRCs named by `a=ssrc`. */
  readonly ssrcs: readonly number[];
  /** Extension id of sdes:mid, 0 when not offered. */
  readonly midExtensionId: number;
};

export type Offer = {
  readonly media: readonly OfferedMedia[];
  /** Mids of the BUNDLE group; undefined when the offer has none. */
  readonly bundle: readonly string[] | undefined;
  readonly transport: {
    readonly ufrag: string;
    readonly pwd: string;
    readonly fingerprint: Fingerprint;
    readonly setup: 'actpass' | 'active' | 'passive';
  };
};

/** Payload types with a fixed meaning (RFC 3551 §6). */
const STATIC_CODECS: Readonly<Record<string, readonly [name: CodecName, clockRate: number]>> = {
  '0': ['PCMU', 8000],
  '8': ['PCMA', 8000],
  '9': ['G722', 8000],
};

/**
 * Reads what we need of an offer (RFC 8866, RFC 8829). Candidates are never read: the peer's address comes from its
 * authenticated checks, so no name is ever resolved, `.local` ones least of all.
 * @throws ShardcastError SDP_INVALID
 */
export function parseOffer(sdp: string): Offer {
  if (sdp.length > MAX_BYTES) throw invalid(`larger than ${MAX_BYTES} bytes`);
  const lines = sdp.split(/\r\n|\n|\r/).filter((line) => line !== '');
  if (lines.length > MAX_LINES) throw invalid(`more than ${MAX_LINES} lines`);
  if (lines[0] !== 'v=0') throw invalid('does not begin with v=0');

  const starts: number[] = [];
  lines.forEach((line, i) => {
    if (line.startsWith('m=')) starts.push(i);
  });
  if (starts.length === 0) throw invalid('has no media');
  if (starts.length > MAX_MEDIA) throw invalid(`has more than ${MAX_MEDIA} m-lines`);
  const head = lines.slice(0, starts[0]);
  const sections = starts.map((start, i) => lines.slice(start, starts[i + 1] ?? lines.length));

  const group = head.find((line) => line.startsWith('a=group:BUNDLE'));
  const bundle = group
    ?.split(' ')
    .slice(1)
    .filter((mid) => mid !== '');
  const master = sections.find((section) => attribute(section, 'ice-ufrag') !== undefined) ?? sections[0] ?? [];
  const media = sections.map((section, i) => readMedia(section, i, bundle));
  return { media, bundle, transport: readTransport(master, head) };
}

function readTransport(section: readonly string[], head: readonly string[]): Offer['transport'] {
  const get = (name: string) => attribute(section, name) ?? attribute(head, name);
  const ufrag = get('ice-ufrag') ?? '';
  const pwd = get('ice-pwd') ?? '';
  if (ufrag.length < MIN_UFRAG || pwd.length < MIN_PWD || ufrag.length > 256 || pwd.length > 256) {
    throw invalid('has no usable ICE credentials');
  }
  const [hash = '', value = ''] = (get('fingerprint') ?? '').split(' ');
  const algorithm = hash.toLowerCase();
  if (algorithm !== 'sha-256' && algorithm !== 'sha-384' && algorithm !== 'sha-512') {
    throw invalid('has no fingerprint by SHA-256, SHA-384 or SHA-512');
  }
  const bytes = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 }[algorithm];
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(value) || value.length !== 3 * bytes - 1) {
    throw invalid('has a damaged fingerprint');
  }
  const setup = get('setup') ?? 'actpass';
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive') throw invalid(`has a=setup:${setup}`);
  return { ufrag, pwd, fingerprint: { hash: algorithm, value }, setup };
}

function readMedia(section: readonly string[], index: number, bundle: readonly string[] | undefined): OfferedMedia {
  const [kind = '', port = '', protocol = '', ...formats] = (section[0] ?? '').slice(2).split(' ');
  if (!/^\d+(\/\d+)?$/.test(port) || protocol === '' || formats.length > MAX_FORMATS) {
    throw invalid(`has a damaged m-line (number ${index + 1})`);
  }
  const mid = attribute(section, 'mid');
  const isBundled = bundle === undefined ? index === 0 : mid !== undefined && bundle.includes(mid);
  // Port 0 rejects an m-line, unless a=bundle-only says that it rides on another's transport (RFC 9143 §6).
  const isRejected = /^0(\/|$)/.test(port) && !section.includes('a=bundle-only');
  const direction = ['sendrecv', 'sendonly', 'recvonly', 'inactive'].find((each) => section.includes(`a=${each}`));
  const described = readPayloads(section);
  return {
    kind,
    protocol,
    formats,
    ...(mid === undefined ? {} : { mid }),
    codecs: formats.flatMap((format) => readCodec(described, format)),
    isUsable: !isRejected && isBundled && /^(UDP\/TLS\/)?RTP\/SAVPF?$/.test(protocol),
    canReceive: direction !== 'sendonly' && direction !== 'inactive',
    canSend: direction !== 'recvonly' && direction !== 'inactive',
    reducedSizeRtcp: section.includes('a=rtcp-rsize'),
    ssrcs: readSsrcs(section),
    midExtensionId: readMidExtension(section),
  };
}

/** What the attributes of an m-line say of each payload type. */
type Payloads = {
  readonly rtpmap: ReadonlyMap<string, string>;
  readonly fmtp: ReadonlyMap<string, string>;
  readonly feedback: ReadonlyMap<string, readonly string[]>;
};

function readPayloads(section: readonly string[]): Payloads {
  const rtpmap = new Map<string, string>();
  const fmtp = new Map<string, string>();
  const feedback = new Map<string, string[]>();
  for (const line of section) {
    const [, name = '', format = '', value = ''] = /^a=(rtpmap|fmtp|rtcp-fb):(\S+) (.*)$/.exec(line) ?? [];
    if (name === 'rtpmap' && !rtpmap.has(format)) rtpmap.set(format, value);
    else if (name === 'fmtp' && !fmtp.has(format)) fmtp.set(format, value.trim());
    else if (name === 'rtcp-fb') {
      const values = feedback.get(format) ?? [];
      values.push(value.trim());
      feedback.set(format, values);
    }
  }
  return { rtpmap, fmtp, feedback };
}

function readCodec({ rtpmap, fmtp, feedback }: Payloads, format: string): OfferedCodec[] {
  const payloadType = Number(format);
  if (!/^\d{1,3}$/.test(format) || payloadType > 127) return [];
  const map = rtpmap.get(format);
  const parts = /^([\w.-]+)\/(\d{1,6})(?:\/(\d{1,2}))?\s*$/.exec(map ?? '');
  const known = STATIC_CODECS[format];
  if (parts === null && (map !== undefined || known === undefined)) return [];
  const channels = parts?.[3];
  return [
    {
      payloadType,
      name: parts?.[1]?.toUpperCase() ?? (known?.[0] as string),
      clockRate: parts === null ? (known?.[1] as number) : Number(parts[2]),
      ...(channels === undefined ? {} : { channels: Number(channels) }),
      fmtp: fmtp.get(format) ?? '',
      feedback: [...(feedback.get(format) ?? []), ...(feedback.get('*') ?? [])],
    },
  ];
}

function readSsrcs(section: readonly string[]): number[] {
  const ssrcs = new Set<number>();
  for (const line of section) {
    const ssrc = Number(/^a=ssrc:(\d{1,10})\b/.exec(line)?.[1] ?? Number.NaN);
    if (ssrc <= 0xffff_ffff) ssrcs.add(ssrc);
  }
  return [...ssrcs];
}

function readMidExtension(section: readonly string[]): number {
  for (const line of section) {
    const id = /^a=extmap:(\d{1,3})(?:\/\w+)? urn:ietf:params:rtp-hdrext:sdes:mid\s*$/.exec(line)?.[1];
    if (id !== undefined && Number(id) >= 1 && Number(id) <= 255) return Number(id);
  }
  return 0;
}

function attribute(lines: readonly string[], name: string): string | undefined {
  const prefix = `a=${name}:`;
  return lines
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length)
    .trim();
}

/** RTP clock rates, Hz: a codec by the same name at another rate is another codec. */
const CLOCK_RATES: ReadonlyMap<string, number> = new Map(
  CODEC_NAMES.map((name) => [name, name === 'OPUS' ? 48_000 : /^(PCMU|PCMA|G722)$/.test(name) ? 8000 : 90_000]),
);
const MAX_CHANNELS = 2;

/** Whether we carry the codec; what passes fits a session's snapshot. */
export function isCarried(codec: OfferedCodec): codec is CarriedCodec {
  const channels = codec.channels ?? 1;
  return CLOCK_RATES.get(codec.name) === codec.clockRate && channels >= 1 && channels <= MAX_CHANNELS;
}

function invalid(what: string): ShardcastError {
  return new ShardcastError('SDP_INVALID', `the SDP ${what}`);
}
