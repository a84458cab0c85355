import { describe, expect, test } from 'vitest';
import { type OfferName, offer } from '../../../test/session/offers.ts';
import { type AnswerOptions, buildAnswer, type MediaPlan } from './answer.ts';
import { matchCodec, publisherCodecs } from './codec-match.ts';
import { parseOffer } from './offer.ts';

const OPTIONS: AnswerOptions = {
  addresses: ['192.0.2.1', '2001:db8::1', '127.0.0.1'],
  port: 8189,
  fingerprint: Array(32).fill('CD').join(':'),
  ufrag: 'our-ufrag',
  pwd: 'our-password-of-22-chars',
  setup: 'passive',
  streamId: 'stream',
  nack: false,
};

/** The answer's session part and its m-line sections. */
function sections(answer: string): { head: string[]; media: string[][] } {
  expect(answer.endsWith('\r\n')).toBe(true);
  const [head = '', ...media] = answer.slice(0, -2).split(/\r\n(?=m=)/);
  return { head: head.split('\r\n'), media: media.map((section) => section.split('\r\n')) };
}

const startingWith = (section: readonly string[] | undefined, prefix: string) =>
  (section ?? []).filter((line) => line.startsWith(prefix));

function publishAnswer(name: OfferName, options: Partial<AnswerOptions> = {}, accepts: string[] = ['audio', 'video']) {
  const parsed = parseOffer(offer(name));
  const plan = parsed.media.map((media) =>
    accepts.includes(media.kind) ? { codecs: publisherCodecs(media) } : undefined,
  );
  return sections(buildAnswer(parsed, plan, { ...OPTIONS, ...options }));
}

function playAnswer(name: OfferName, options: Partial<AnswerOptions> = {}) {
  const parsed = parseOffer(offer(name));
  const streams = {
    video: { name: 'H264', clockRate: 90_000, fmtp: 'packetization-mode=1;profile-level-id=42e01e' },
    audio: { name: 'OPUS', clockRate: 48_000, channels: 2, fmtp: '' },
  } as const;
  const plan = parsed.media.map((media): MediaPlan | undefined => {
    const codec = matchCodec(media.codecs, streams[media.kind as 'audio' | 'video']);
    return codec === undefined ? undefined : { codecs: [codec], ssrc: media.kind === 'video' ? 1111 : 2222 };
  });
  return sections(buildAnswer(parsed, plan, { ...OPTIONS, ...options }));
}

describe('to a viewer', () => {
  test('one codec an m-line, with the payload type and parameters of its offer', () => {
    const { media } = playAnswer('chromium-play');
    expect(media[0]?.[0]).toBe('m=video 8189 UDP/TLS/RTP/SAVPF 108');
    expect(startingWith(media[0], 'a=rtpmap:')).toEqual(['a=rtpmap:108 H264/90000']);
    expect(startingWith(media[0], 'a=fmtp:')).toEqual([
      'a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01e',
    ]);
    expect(media[1]?.[0]).toBe('m=audio 8189 UDP/TLS/RTP/SAVPF 111');
    expect(startingWith(media[1], 'a=rtpmap:')).toEqual(['a=rtpmap:111 opus/48000/2']);
    expect(startingWith(media[1], 'a=fmtp:')).toEqual(['a=fmtp:111 minptime=10;useinbandfec=1']);
  });

  test('PLI and FIR where offered, never plain NACK, REMB or transport-wide feedback', () => {
    const { media } = playAnswer('chromium-play');
    expect(startingWith(media[0], 'a=rtcp-fb:')).toEqual(['a=rtcp-fb:108 nack pli', 'a=rtcp-fb:108 ccm fir']);
    expect(startingWith(media[1], 'a=rtcp-fb:')).toEqual([]);
  });

  test('plain NACK too when it is switched on', () => {
    const { media } = playAnswer('chromium-play', { nack: true });
    expect(startingWith(media[0], 'a=rtcp-fb:')).toContain('a=rtcp-fb:108 nack');
  });

  test('the stream, its SSRC, and no header extension', () => {
    const { media } = playAnswer('chromium-play');
    for (const [section, ssrc, kind] of [
      [media[0], 1111, 'video'],
      [media[1], 2222, 'audio'],
    ] as const) {
      expect(section).toContain('a=sendonly');
      expect(section).toContain('a=rtcp-rsize');
      expect(section).toContain('a=rtcp-mux');
      expect(section).toContain(`a=msid:stream stream-${kind}`);
      expect(startingWith(section, 'a=ssrc:')).toEqual([
        `a=ssrc:${ssrc} cname:stream`,
        `a=ssrc:${ssrc} msid:stream stream-${kind}`,
      ]);
      expect(startingWith(section, 'a=extmap')).toEqual([]);
    }
  });

  test('a bundle-only m-line is accepted with a port', () => {
    const { head, media } = playAnswer('firefox-play');
    expect(head).toContain('a=group:BUNDLE 0 1');
    expect(media.map(([line]) => line)).toEqual([
      'm=video 8189 UDP/TLS/RTP/SAVPF 126',
      'm=audio 8189 UDP/TLS/RTP/SAVPF 109',
    ]);
  });
});

describe('to a publisher', () => {
  test('every codec that we carry, in its order, and no retransmission or redundancy format', () => {
    const { media } = publishAnswer('pion-publish');
    const names = startingWith(media[0], 'a=rtpmap:').map((line) => line.slice('a=rtpmap:'.length));
    expect(media[0]?.[0]).toBe('m=video 8189 UDP/TLS/RTP/SAVPF 96 102 104 106 108 127 39 45 98 100 112');
    expect(names.map((line) => line.split(' ')[1])).toEqual([
      'VP8/90000',
      ...Array(6).fill('H264/90000'),
      'AV1/90000',
      'VP9/90000',
      'VP9/90000',
      'H264/90000',
    ]);
    expect(media[0]).toContain('a=recvonly');
    expect(startingWith(media[0], 'a=ssrc')).toEqual([]);
    expect(startingWith(media[0], 'a=msid')).toEqual([]);
  });

  test('its MID extension only where offered and where tracks must be told apart', () => {
    expect(publishAnswer('chromium-publish').media.map((section) => startingWith(section, 'a=extmap'))).toEqual([
      ['a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid'],
      ['a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid'],
    ]);
    expect(startingWith(publishAnswer('chromium-publish', {}, ['video']).media[1], 'a=extmap')).toEqual([]);
    expect(startingWith(publishAnswer('gstreamer-publish').media[0], 'a=extmap')).toEqual([]);
  });

  test('feedback that was not offered is not answered', () => {
    expect(startingWith(publishAnswer('ffmpeg-publish').media[1], 'a=rtcp-fb:')).toEqual([]); // FFmpeg offers plain nack alone
  });

  test('retransmission is not asked of publishers, since none is ever requested of them', () => {
    for (const client of ['ffmpeg-publish', 'chromium-publish'] as const) {
      const feedback = publishAnswer(client, { nack: true }).media.flatMap((section) =>
        startingWith(section, 'a=rtcp-fb:'),
      );
      expect(feedback.filter((line) => line.endsWith(' nack'))).toEqual([]);
    }
  });

  test('reduced-size RTCP only where offered', () => {
    const { media } = publishAnswer('ffmpeg-publish');
    expect(media.map((section) => section.includes('a=rtcp-rsize'))).toEqual([false, true]);
  });

  test('the DTLS role that the session takes', () => {
    const { media } = publishAnswer('ffmpeg-publish', { setup: 'active' });
    expect(media.map((section) => startingWith(section, 'a=setup:'))).toEqual([['a=setup:active'], ['a=setup:active']]);
  });
});

describe('the transport', () => {
  test('is lite, and repeated in every accepted m-line', () => {
    const { head, media } = publishAnswer('chromium-publish');
    expect(head).toContain('a=ice-lite');
    expect(media).toHaveLength(2);
    for (const section of media) {
      expect(section).toContain('a=ice-ufrag:our-ufrag');
      expect(section).toContain('a=ice-pwd:our-password-of-22-chars');
      expect(section).toContain(`a=fingerprint:sha-256 ${OPTIONS.fingerprint}`);
      expect(section).toContain('a=setup:passive');
      expect(section.at(-1)).toBe('a=end-of-candidates');
    }
  });

  test('has a host candidate for each address, the first one preferred', () => {
    const candidates = startingWith(publishAnswer('pion-publish').media[0], 'a=candidate:').map((line) =>
      line.split(' '),
    );
    expect(
      candidates.map(([, component, protocol, , address, port, , type]) => [component, protocol, address, port, type]),
    ).toEqual([
      ['1', 'udp', '192.0.2.1', '8189', 'host'],
      ['1', 'udp', '2001:db8::1', '8189', 'host'],
      ['1', 'udp', '127.0.0.1', '8189', 'host'],
    ]);
    const priorities = candidates.map((each) => Number(each[3]));
    expect(priorities).toEqual(priorities.toSorted((a, b) => b - a));
    expect(new Set(priorities).size).toBe(3);
    expect(new Set(candidates.map(([foundation]) => foundation)).size).toBe(3);
  });

  test('names the first address in its c-line, by its family', () => {
    expect(publishAnswer('pion-publish').media[0]).toContain('c=IN IP4 192.0.2.1');
    expect(publishAnswer('pion-publish', { addresses: ['2001:db8::1'] }).media[0]).toContain('c=IN IP6 2001:db8::1');
  });
});

test('a rejected m-line keeps its place, formats and mid, has port 0, is inactive and out of the BUNDLE group', () => {
  const { head, media } = publishAnswer('chromium-publish', {}, ['video']);
  expect(head).toContain('a=group:BUNDLE 1');
  expect(media[0]).toEqual([
    'm=audio 0 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126',
    'c=IN IP4 0.0.0.0',
    'a=mid:0',
    'a=inactive',
  ]);
});

test('an offer without BUNDLE gets an answer without it', () => {
  const parsed = parseOffer(offer('pion-publish').replace(/a=group:BUNDLE.*\r\n/, ''));
  const plan = parsed.media.map((media) => ({ codecs: publisherCodecs(media) }));
  expect(buildAnswer(parsed, plan, OPTIONS)).not.toContain('BUNDLE');
});
