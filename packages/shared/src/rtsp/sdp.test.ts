import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_SDP_LINES, MAX_SDP_MEDIA, parseRtspSdp } from './sdp.ts';

function parse(...lines: string[]) {
  const description = parseRtspSdp(['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 't=0 0', ...lines].join('\r\n'));
  if (typeof description === 'string') throw new Error(description);
  return description;
}
const trackOf = (...lines: string[]) => parse(...lines).media[0]?.track;
const skipOf = (...lines: string[]) => parse(...lines).media[0]?.info.skipped;

const SPS = 'Z0LAHtoC0EmQ';
const PPS = 'aM4G4g==';

describe('a camera', () => {
  const description = parse(
    'a=control:rtsp://h/cam/',
    'm=video 0 RTP/AVP 96',
    'a=control:trackID=1',
    'a=rtpmap:96 H264/90000',
    `a=fmtp:96 packetization-mode=1; profile-level-id=42C01E; sprop-parameter-sets=${SPS},${PPS}`,
    'm=audio 0 RTP/AVP 8',
    'a=control:trackID=2',
    'm=audio 0 RTP/AVP 97',
    'a=rtpmap:97 MPEG4-GENERIC/16000/1',
    'm=application 0 RTP/AVP 107',
    'a=rtpmap:107 vnd.onvif.metadata/90000',
    'a=control:trackID=4',
  );
  test('has its tracks, controls and parameter sets read', () => {
    expect(description.control).toBe('rtsp://h/cam/');
    expect(description.media.map(({ control }) => control)).toEqual(['trackID=1', 'trackID=2', undefined, 'trackID=4']);
    expect(description.media[0]?.track).toMatchObject({
      kind: 'video',
      codec: { name: 'H264', clockRate: 90000, fmtp: expect.stringContaining('packetization-mode=1') },
      payloadType: 96,
      parameterSets: [Buffer.from(SPS, 'base64'), Buffer.from(PPS, 'base64')],
    });
    expect(description.media[1]?.track?.codec).toEqual({ name: 'PCMA', clockRate: 8000, channels: 1, fmtp: '' });
  });
  test('has what browsers cannot play skipped with a reason', () => {
    expect(description.media.slice(2).map(({ track, info }) => [track, info.kind, info.codec, info.skipped])).toEqual([
      [undefined, 'audio', 'MPEG4-GENERIC', 'browsers do not play AAC over WebRTC'],
      [undefined, 'application', 'vnd.onvif.metadata', 'ONVIF metadata is not media'],
    ]);
  });
});

test.for([
  ['a=rtpmap:96 h264/90000', 'H264'],
  ['a=rtpmap:96 HEVC/90000', 'H265'],
  ['a=rtpmap:96 VP8/90000', 'VP8'],
  ['a=rtpmap:96 VP9/90000', 'VP9'],
  ['a=rtpmap:96 AV1/90000', 'AV1'],
] as const)('video %s is %s', ([rtpmap, name]) => {
  expect(trackOf('m=video 0 RTP/AVP 96', rtpmap)?.codec).toEqual({ name, clockRate: 90000, fmtp: '' });
});

test.for([
  [0, 'PCMU'],
  [8, 'PCMA'],
  [9, 'G722'],
] as const)('payload type %d is %s by itself', ([payloadType, name]) => {
  expect(trackOf(`m=audio 0 RTP/AVP ${payloadType}`)).toMatchObject({ kind: 'audio', payloadType, codec: { name } });
});

test.for([
  ['Opus is stereo', ['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 opus/48000'], /1 channels/],
  ['G.711 is 8 kHz', ['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 PCMA/16000'], /only 8000 Hz/],
  ['Motion JPEG', ['m=video 0 RTP/AVP 26'], /Motion JPEG/],
  ['no rtpmap', ['m=video 0 RTP/AVP 96'], /without a=rtpmap/],
  ['an unknown codec', ['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 G726-32/8000'], /G726-32 is not supported/],
  ['SRTP', ['m=video 0 RTP/SAVP 96', 'a=rtpmap:96 H264/90000'], /not plain RTP/],
  ['video as audio', ['m=audio 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000'], /in an m=audio/],
  ['no formats', ['m=video 0 RTP/AVP'], /no payload type/],
] as const)('%s, so it is skipped', ([, lines, reason]) => {
  expect(skipOf(...lines)).toMatch(reason);
});

test('of several formats the first that can be forwarded is taken', () => {
  const track = trackOf(
    'm=audio 0 RTP/AVP 97 98 8',
    'a=rtpmap:97 MP4A-LATM/48000',
    'a=rtpmap:98 opus/48000/2',
    'a=fmtp:98 x=1',
  );
  expect(track).toMatchObject({ payloadType: 98, codec: { name: 'OPUS', channels: 2, fmtp: 'x=1' } });
});

test('of several video tracks the first is forwarded, the others skipped', () => {
  const video = ['m=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000'];
  const { media } = parse(...video, ...video);
  expect(media.map(({ track, info }) => [track !== undefined, info.skipped])).toEqual([
    [true, undefined],
    [false, 'only the first video track is forwarded'],
  ]);
});

describe('parameter sets', () => {
  const h264 = (sprop: string) =>
    trackOf('m=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', `a=fmtp:96 sprop-parameter-sets=${sprop}`)?.parameterSets;
  test('come SPS before PPS, and only they', () => {
    expect(h264(`${PPS},${SPS},,AAAA,!!`)?.map((nal) => (nal[0] ?? 0) & 0x1f)).toEqual([7, 8]);
    expect(h264('')).toBeUndefined();
  });
  test('of H.265 come VPS, SPS, PPS', () => {
    const nal = (type: number) => Buffer.from([type << 1, 1, 2]).toString('base64');
    const fmtp = `a=fmtp:96 sprop-pps=${nal(34)}; sprop-sps=${nal(33)};sprop-vps=${nal(32)};sprop-sei=${nal(39)}`;
    const sets = trackOf('m=video 0 RTP/AVP 96', 'a=rtpmap:96 H265/90000', fmtp)?.parameterSets;
    expect(sets?.map((set) => (set[0] ?? 0) >> 1)).toEqual([32, 33, 34]);
  });
});

test.for([
  ['', 'not-sdp'],
  ['hello', 'not-sdp'],
  [`v=0\n${'a=x\n'.repeat(MAX_SDP_LINES)}`, 'too-many-lines'],
  [`v=0\n${'m=video 0 RTP/AVP 96\n'.repeat(MAX_SDP_MEDIA + 1)}`, 'too-many-media'],
  ['v=0\nm=video', 'bad-media-line'],
  ['v=0\nm=video x RTP/AVP 96', 'bad-media-line'],
] as const)('a hostile SDP is refused: %#', ([text, fault]) => {
  expect(parseRtspSdp(text)).toBe(fault);
});

test('any lines give a description or a declared fault, and no track of a kind twice', () => {
  const line = fc.oneof(
    fc.string().map((text) => `a=${text}`),
    fc.constantFrom(
      'm=video 0 RTP/AVP 96',
      'm=audio 0 RTP/AVP 0 97',
      'a=rtpmap:96 H264/90000',
      'a=rtpmap:97 opus/48000/2',
    ),
    fc.string().map((text) => `a=fmtp:96 sprop-parameter-sets=${text}`),
    fc.string().map((text) => `m=${text}`),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const description = parseRtspSdp(`v=0\n${lines.join('\n')}`);
      if (typeof description === 'string') return;
      const kinds = description.media.flatMap(({ track }) => (track === undefined ? [] : [track.kind]));
      expect(new Set(kinds).size).toBe(kinds.length);
      for (const { track, info } of description.media) expect(track === undefined).toBe(info.skipped !== undefined);
    }),
  );
});
