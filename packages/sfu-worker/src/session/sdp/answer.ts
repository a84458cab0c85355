import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { CarriedCodec, Offer, OfferedMedia } from './offer.ts';

/** What becomes of an m-line: its codecs, and the SSRC that we send with (viewers). Undefined rejects it. */
export type MediaPlan = { readonly codecs: readonly CarriedCodec[]; readonly ssrc?: number };

/** Where the worker can be reached. */
export type AnswerTransport = {
  /** IP literals, best first: some clients ignore loopback, so it comes last. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** SHA-256 of our certificate, upper-case hex with colons. */
  readonly fingerprint: string;
};

export type AnswerOptions = AnswerTransport & {
  readonly ufrag: string;
  readonly pwd: string;
  readonly setup: 'active' | 'passive';
  /** The MediaStream's id, where we send. */
  readonly streamId: string;
  /** Answer generic NACK too, where a viewer offers it. Publishers are never sent one. */
  readonly nack: boolean;
};

/** RFC 8445 §5.1.2.1: type preference of host candidates, all local preferences below. */
const HOST_PRIORITY = 2_130_706_431;

/** Builds the answer to an offer (RFC 8829 §5.3, RFC 8839 for ICE-lite). `plan[i]` belongs to `offer.media[i]`. */
export function buildAnswer(offer: Offer, plan: readonly (MediaPlan | undefined)[], options: AnswerOptions): string {
  const accepted = offer.media.filter((_, i) => plan[i] !== undefined);
  const bundled = accepted.flatMap(({ mid }) => (mid === undefined ? [] : [mid]));
  const lines = ['v=0', `o=- ${randomBytes(6).readUIntBE(0, 6)} 1 IN IP4 127.0.0.1`, 's=-', 't=0 0', 'a=ice-lite'];
  if (offer.bundle !== undefined) lines.push(`a=group:BUNDLE ${bundled.join(' ')}`.trimEnd());
  lines.push('a=msid-semantic: WMS *');
  offer.media.forEach((media, i) => {
    const planned = plan[i];
    if (planned === undefined) lines.push(...rejectedMedia(media));
    else lines.push(...acceptedMedia(media, planned, bundled.length > 1, options));
  });
  return `${lines.join('\r\n')}\r\n`;
}

function rejectedMedia(media: OfferedMedia): string[] {
  const lines = [`m=${media.kind} 0 ${media.protocol} ${media.formats.join(' ')}`, 'c=IN IP4 0.0.0.0'];
  if (media.mid !== undefined) lines.push(`a=mid:${media.mid}`);
  lines.push('a=inactive');
  return lines;
}

function acceptedMedia(
  media: OfferedMedia,
  plan: MediaPlan,
  sharesTransport: boolean,
  options: AnswerOptions,
): string[] {
  const { addresses, port, streamId } = options;
  const payloads = plan.codecs.map(({ payloadType }) => payloadType).join(' ');
  const address = addresses[0] ?? '0.0.0.0';
  const lines = [
    `m=${media.kind} ${port} ${media.protocol} ${payloads}`,
    `c=IN ${isIPv6(address) ? 'IP6' : 'IP4'} ${address}`,
  ];
  if (media.mid !== undefined) lines.push(`a=mid:${media.mid}`);
  lines.push(plan.ssrc === undefined ? 'a=recvonly' : 'a=sendonly', 'a=rtcp-mux');
  if (media.reducedSizeRtcp) lines.push('a=rtcp-rsize');
  for (const codec of plan.codecs)
    lines.push(...codecLines(media.kind, codec, options.nack && plan.ssrc !== undefined));
  // Extensions are stripped towards viewers; a publisher's MID tells its tracks apart on the one transport.
  if (plan.ssrc === undefined && media.midExtensionId !== 0 && sharesTransport) {
    lines.push(`a=extmap:${media.midExtensionId} urn:ietf:params:rtp-hdrext:sdes:mid`);
  }
  if (plan.ssrc !== undefined) {
    const msid = `${streamId} ${streamId}-${media.kind}`;
    lines.push(`a=msid:${msid}`, `a=ssrc:${plan.ssrc} cname:${streamId}`, `a=ssrc:${plan.ssrc} msid:${msid}`);
  }
  lines.push(
    `a=ice-ufrag:${options.ufrag}`,
    `a=ice-pwd:${options.pwd}`,
    `a=fingerprint:sha-256 ${options.fingerprint}`,
    `a=setup:${options.setup}`,
    ...addresses.map((each, n) => `a=candidate:${n + 1} 1 udp ${HOST_PRIORITY - n * 256} ${each} ${port} typ host`),
    'a=end-of-candidates',
  );
  return lines;
}

function codecLines(kind: string, codec: CarriedCodec, nack: boolean): string[] {
  const { payloadType, clockRate, channels, fmtp, feedback } = codec;
  const name = codec.name === 'OPUS' ? 'opus' : codec.name; // RFC 7587 §7 writes it so
  const lines = [`a=rtpmap:${payloadType} ${name}/${clockRate}${channels === undefined ? '' : `/${channels}`}`];
  if (fmtp !== '') lines.push(`a=fmtp:${payloadType} ${fmtp}`);
  if (kind !== 'video') return lines;
  const wanted = nack ? ['nack', 'nack pli', 'ccm fir'] : ['nack pli', 'ccm fir'];
  for (const each of wanted) if (feedback.includes(each)) lines.push(`a=rtcp-fb:${payloadType} ${each}`);
  return lines;
}
