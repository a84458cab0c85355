import { CODEC_NAMES, type CodecName } from '@shardcast/shared';
import type { PeerSocket } from '../traffic/peer-socket.ts';

/** What a browser would take, as `a=rtpmap` and `a=fmtp` have it. */
const VIDEO: readonly (readonly [payloadType: number, map: string, fmtp: string])[] = [
  [96, 'H264/90000', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f'],
  [97, 'H264/90000', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f'],
  [98, 'VP8/90000', ''],
  [99, 'VP9/90000', 'profile-id=0'],
  [100, 'AV1/90000', ''],
  [101, 'H265/90000', 'level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST'],
];
const AUDIO: readonly (readonly [payloadType: number, map: string, fmtp: string])[] = [
  [111, 'opus/48000/2', 'minptime=10;useinbandfec=1'],
  [9, 'G722/8000', ''],
  [0, 'PCMU/8000', ''],
  [8, 'PCMA/8000', ''],
];

/**
 * A viewer's offer: video and audio in every codec that it can measure. No NACK, so that what is lost is seen; no
 * retransmission, no congestion control.
 * @param hasAudio false for servers that cannot answer a section which they have nothing for
 * @param address where the other side may find it; it learns others from checks
 */
export function viewerOffer(
  peer: Pick<PeerSocket, 'port' | 'ufrag' | 'pwd' | 'fingerprint'>,
  address: string,
  hasAudio: boolean,
): string {
  const family = address.includes(':') ? 'IP6' : 'IP4';
  const section = (mid: string, kind: string, codecs: typeof VIDEO) => [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${codecs.map(([payloadType]) => payloadType).join(' ')}`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${mid}`,
    'a=recvonly',
    'a=rtcp-mux',
    'a=setup:actpass',
    `a=ice-ufrag:${peer.ufrag}`,
    `a=ice-pwd:${peer.pwd}`,
    `a=fingerprint:sha-256 ${peer.fingerprint}`,
    `a=candidate:1 1 udp 2130706431 ${address} ${peer.port} typ host`,
    'a=end-of-candidates',
    ...codecs.flatMap(([payloadType, map, fmtp]) => [
      `a=rtpmap:${payloadType} ${map}`,
      ...(fmtp === '' ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
      ...(kind === 'video' ? [`a=rtcp-fb:${payloadType} nack pli`, `a=rtcp-fb:${payloadType} ccm fir`] : []),
    ]),
  ];
  return [
    'v=0',
    `o=- 1 1 IN ${family} ${address}`,
    's=-',
    't=0 0',
    `a=group:BUNDLE 0${hasAudio ? ' 1' : ''}`,
    ...section('0', 'video', VIDEO),
    ...(hasAudio ? section('1', 'audio', AUDIO) : []),
    '',
  ].join('\r\n');
}

/** A codec of an answer. */
export type AnsweredCodec = {
  readonly name: string;
  readonly codec: CodecName | undefined;
  readonly clockRate: number;
};

/** By payload type, what an answer maps; the static types of RFC 3551 without an `a=rtpmap` too. */
export function answeredCodecs(answer: string): ReadonlyMap<number, AnsweredCodec> {
  const codecs = new Map<number, AnsweredCodec>([
    [0, { name: 'PCMU', codec: 'PCMU', clockRate: 8000 }],
    [8, { name: 'PCMA', codec: 'PCMA', clockRate: 8000 }],
    [9, { name: 'G722', codec: 'G722', clockRate: 8000 }],
  ]);
  for (const [, payloadType, name = '', clockRate] of answer.matchAll(/^a=rtpmap:(\d+) ([\w-]+)\/(\d+)/gm)) {
    const codec = CODEC_NAMES.find((each) => each === name.toUpperCase());
    if (Number(clockRate) > 0)
      codecs.set(Number(payloadType), { name: codec ?? name, codec, clockRate: Number(clockRate) });
  }
  return codecs;
}
