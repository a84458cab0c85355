import type { CodecParameters } from '@shardcast/shared';
import { describe, expect, test } from 'vitest';
import { offer } from '../../../test/session/offers.ts';
import { matchCodec, publisherCodecs } from './codec-match.ts';
import { isCarried, type OfferedCodec, parseOffer } from './offer.ts';

const h264 = (fmtp: string): CodecParameters => ({ name: 'H264', clockRate: 90_000, fmtp });
const offered = (payloadType: number, fmtp: string, name = 'H264'): OfferedCodec => ({
  payloadType,
  name,
  clockRate: 90_000,
  fmtp,
  feedback: [],
});
const chromium = parseOffer(offer('chromium-play')).media;
const video = chromium[0]?.codecs ?? [];
const audio = chromium[1]?.codecs ?? [];

describe('H.264', () => {
  test.each([
    ['42e01f', 1, 108], // constrained baseline
    ['42c01e', 1, 108], // the same, written otherwise
    ['42001f', 1, 102], // baseline
    ['4d0028', 1, 116], // main
    ['42e01f', 0, 108], // single NAL units may go where fragments may: the first of the best profile wins
    ['640028', 1, 116], // high: Chromium does not offer it here, and plays it all the same
  ])('a stream of profile %s in mode %i goes to Chromium as payload %i', (profile, mode, payloadType) => {
    expect(matchCodec(video, h264(`packetization-mode=${mode};profile-level-id=${profile}`))?.payloadType).toBe(
      payloadType,
    );
  });

  test('fragments are not sent where only single NAL units were offered', () => {
    const single = [
      offered(96, 'packetization-mode=0;profile-level-id=42e01f'),
      offered(97, 'profile-level-id=42e01f'),
    ];
    expect(matchCodec(single, h264('packetization-mode=1;profile-level-id=42e01f'))).toBeUndefined();
    expect(matchCodec(single, h264('profile-level-id=42e01f'))?.payloadType).toBe(96);
  });

  test('the same profile is preferred to one that includes it, and that to any other', () => {
    const mode = 'packetization-mode=1;profile-level-id=';
    const all = [
      offered(1, `${mode}640c1f`),
      offered(2, `${mode}64001f`),
      offered(3, `${mode}4d001f`),
      offered(4, `${mode}42e01f`),
    ];
    const pick = (codecs: OfferedCodec[], profile: string) => matchCodec(codecs, h264(mode + profile))?.payloadType;
    expect(pick(all, '42e01f')).toBe(4);
    expect(pick(all, '4d001f')).toBe(3);
    expect(pick(all, '640c28')).toBe(1);
    expect(pick(all, '640028')).toBe(2);
    expect(pick(all.slice(0, 2), '4d001f')).toBe(2); // high plays main
    expect(pick([offered(5, `${mode}58a01f`)], '42e01f')).toBe(5); // nothing better: a try
  });

  test("the answer says the stream's level where the offer allows it to differ", () => {
    const asymmetric = offered(96, 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f');
    const stream = h264('packetization-mode=1;profile-level-id=42C028');
    expect(matchCodec([asymmetric], stream)?.fmtp).toBe(
      'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e028',
    );
    const symmetric = offered(96, 'packetization-mode=1;profile-level-id=42e01f');
    expect(matchCodec([symmetric], stream)?.fmtp).toBe(symmetric.fmtp);
  });

  test('damaged parameters break nothing', () => {
    for (const fmtp of [
      '',
      ';;;',
      '=',
      'profile-level-id',
      'profile-level-id=zz;packetization-mode',
      'packetization-mode=1',
    ]) {
      expect(() => matchCodec([offered(96, fmtp), offered(97, 'packetization-mode=1')], h264(fmtp))).not.toThrow();
    }
  });
});

describe('others', () => {
  test.each([
    ['VP8', '', 96],
    ['VP9', '', 98],
    ['VP9', 'profile-id=2', 100],
    ['AV1', '', 45],
    ['AV1', 'profile=1', 47],
  ] as const)('%s %s goes to Chromium as payload %i', (name, fmtp, payloadType) => {
    expect(matchCodec(video, { name, clockRate: 90_000, fmtp })?.payloadType).toBe(payloadType);
  });

  test.each([
    ['OPUS', 48_000, 2, 111],
    ['OPUS', 48_000, 1, 111], // RFC 7587 §7: always written as two channels
    ['PCMU', 8000, 1, 0],
    ['PCMA', 8000, undefined, 8],
    ['G722', 8000, undefined, 9],
    ['PCMU', 16_000, 1, undefined],
    ['PCMU', 8000, 2, undefined],
  ] as const)(
    '%s at %i Hz with %s channels goes to Chromium as payload %s',
    (name, clockRate, channels, payloadType) => {
      const stream = { name, clockRate, fmtp: '', ...(channels === undefined ? {} : { channels }) };
      expect(matchCodec(audio, stream)?.payloadType).toBe(payloadType);
    },
  );

  test.each([
    ['', 49],
    ['profile-id=1;sprop-vps=QAE=', 49],
    ['profile-id=2', 51],
    ['profile-id=3', 51], // none that promises it: the viewer's first
  ])('H.265 %j goes to the viewer that offers Main 10 and Main as payload %i', (fmtp, payloadType) => {
    const viewer = [
      offered(51, 'level-id=93;profile-id=2;tier-flag=0', 'H265'),
      offered(49, 'level-id=93;tier-flag=0', 'H265'),
    ];
    expect(matchCodec(viewer, { name: 'H265', clockRate: 90_000, fmtp })?.payloadType).toBe(payloadType);
  });

  test('a viewer without the codec gets none', () => {
    expect(matchCodec(video, { name: 'H265', clockRate: 90_000, fmtp: '' })).toBeUndefined();
    expect(matchCodec([], h264(''))).toBeUndefined();
  });
});

test('a publisher may send everything that we carry of its own kind, in its order', () => {
  const { media } = parseOffer(offer('chromium-publish'));
  const codecs = (kind: string) => media.filter((each) => each.kind === kind).flatMap(publisherCodecs);
  expect(codecs('audio').map(({ payloadType }) => payloadType)).toEqual([111, 9, 0, 8]);
  expect(codecs('video').map(({ payloadType }) => payloadType)).toEqual([96, 102, 104, 108, 114, 116, 39, 45, 98, 100]);
});

test('a codec at a clock rate or with channels that it cannot have is not carried', () => {
  const offered = (name: string, clockRate: number, channels?: number): OfferedCodec => ({
    payloadType: 96,
    name,
    clockRate,
    ...(channels === undefined ? {} : { channels }),
    fmtp: '',
    feedback: [],
  });
  expect(isCarried(offered('VP8', 90_000))).toBe(true);
  expect(isCarried(offered('OPUS', 48_000, 2))).toBe(true);
  expect(isCarried(offered('VP8', 90_000, 99))).toBe(false);
  expect(isCarried(offered('VP8', 0))).toBe(false);
  expect(isCarried(offered('OPUS', 8000, 2))).toBe(false);
});
