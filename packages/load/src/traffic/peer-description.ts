import type { PeerSocket } from './peer-socket.ts';

/** The other side may pick it up as it is, so cameras and viewers use the same. */
export const H264_PAYLOAD_TYPE = 96;

/** One H.264 section: an offer (`actpass`) or an answer (`active`). */
export function describePeer(
  peer: PeerSocket,
  direction: 'sendonly' | 'recvonly',
  setup: 'actpass' | 'active',
  { mid = '0', payloadType = H264_PAYLOAD_TYPE, address = '127.0.0.1' } = {},
): string {
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${mid}`,
    `m=video ${peer.port} UDP/TLS/RTP/SAVPF ${payloadType}`,
    `c=IN IP4 ${address}`,
    `a=mid:${mid}`,
    `a=${direction}`,
    'a=rtcp-mux',
    `a=setup:${setup}`,
    `a=ice-ufrag:${peer.ufrag}`,
    `a=ice-pwd:${peer.pwd}`,
    `a=fingerprint:sha-256 ${peer.fingerprint}`,
    `a=candidate:1 1 udp 2130706431 ${address} ${peer.port} typ host`,
    'a=end-of-candidates',
    `a=rtpmap:${payloadType} H264/90000`,
    `a=fmtp:${payloadType} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f`,
    `a=rtcp-fb:${payloadType} nack`,
    `a=rtcp-fb:${payloadType} nack pli`,
    `a=rtcp-fb:${payloadType} ccm fir`,
    ...(direction === 'sendonly' ? ['a=msid:camera video'] : []),
    '',
  ].join('\r\n');
}
