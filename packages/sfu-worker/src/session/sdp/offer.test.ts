import { ShardcastError } from '@shardcast/shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { OFFERS, offer } from '../../../test/session/offers.ts';
import { buildAnswer } from './answer.ts';
import { publisherCodecs } from './codec-match.ts';
import { parseOffer } from './offer.ts';

const CREDENTIALS = 'a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n';
const FINGERPRINT = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}\r\n`;
const TRANSPORT = CREDENTIALS + FINGERPRINT;
const VIDEO = 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n';
const MINIMAL = `v=0\r\n${VIDEO}${TRANSPORT}`;

const faultOf = (sdp: string): string => {
  try {
    parseOffer(sdp);
    return 'none';
  } catch (error) {
    return error instanceof ShardcastError ? error.code : String(error);
  }
};

describe('offers of real clients', () => {
  test("Chromium's viewer", () => {
    const { media, bundle, transport } = parseOffer(offer('chromium-play'));
    expect(bundle).toEqual(['0', '1']);
    expect(transport).toMatchObject({ ufrag: 'mqJM', pwd: 'CB74mMn6jPc5qcbcl+TPfo0Y', setup: 'actpass' });
    expect(transport.fingerprint.hash).toBe('sha-256');
    expect(media.map(({ kind, mid }) => [kind, mid])).toEqual([
      ['video', '0'],
      ['audio', '1'],
    ]);
    for (const each of media) {
      expect(each).toMatchObject({
        isUsable: true,
        canReceive: true,
        canSend: false,
        reducedSizeRtcp: true,
        midExtensionId: 9,
      });
    }
    const h264 = media[0]?.codecs.find(({ payloadType }) => payloadType === 108);
    expect(h264).toEqual({
      payloadType: 108,
      name: 'H264',
      clockRate: 90_000,
      fmtp: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
      feedback: ['goog-remb', 'transport-cc', 'ccm fir', 'nack', 'nack pli'],
    });
    expect(media[1]?.codecs[0]).toMatchObject({ payloadType: 111, name: 'OPUS', clockRate: 48_000, channels: 2 });
  });

  test("Chromium's publisher, with its SSRCs", () => {
    const { media } = parseOffer(offer('chromium-publish'));
    expect(media.map(({ ssrcs }) => ssrcs)).toEqual([[1830930441], [63588337, 3169900578]]);
    expect(media.map(({ canSend, canReceive }) => [canSend, canReceive])).toEqual([
      [true, false],
      [true, false],
    ]);
  });

  test("Firefox, whose fingerprint is the session's, and whose second m-line is bundle-only", () => {
    const { media, transport } = parseOffer(offer('firefox-play'));
    expect(transport).toMatchObject({ ufrag: 'b1f3a0c2', setup: 'actpass', fingerprint: { hash: 'sha-256' } });
    expect(media.map(({ isUsable }) => isUsable)).toEqual([true, true]);
    expect(media[0]?.codecs[0]?.name).toBe('VP8');
  });

  test('GStreamer, which names its payloads in capitals and offers no plain nack', () => {
    const { media } = parseOffer(offer('gstreamer-publish'));
    expect(media.map(({ mid, isUsable }) => [mid, isUsable])).toEqual([
      ['video0', true],
      ['audio1', true],
    ]);
    expect(media[0]?.codecs[0]?.feedback).toEqual(['nack pli', 'ccm fir']);
    expect(media[1]?.codecs[0]?.name).toBe('OPUS');
  });

  test('FFmpeg, which wants to be the DTLS server', () => {
    expect(parseOffer(offer('ffmpeg-publish')).transport.setup).toBe('passive');
  });
});

describe('what an m-line may say', () => {
  const parsed = (media: string, head = '') => parseOffer(`v=0\r\n${head}${media}${TRANSPORT}`).media[0];
  test.each([
    ['no direction', '', true, true],
    ['recvonly', 'a=recvonly\r\n', true, false],
    ['sendonly', 'a=sendonly\r\n', false, true],
    ['inactive', 'a=inactive\r\n', false, false],
  ])('%s', (_name, line, canReceive, canSend) => {
    expect(parsed(VIDEO + line)).toMatchObject({ canReceive, canSend });
  });

  test('static payload types need no rtpmap; a dynamic one without it is no codec', () => {
    const media = parsed('m=audio 9 RTP/SAVPF 0 8 9 97 111\r\na=rtpmap:111 opus/48000/2\r\n');
    expect(media?.codecs.map(({ name, payloadType }) => [name, payloadType])).toEqual([
      ['PCMU', 0],
      ['PCMA', 8],
      ['G722', 9],
      ['OPUS', 111],
    ]);
  });

  test.each(['UDP/TLS/RTP/SAVPF', 'UDP/TLS/RTP/SAVP', 'RTP/SAVPF', 'RTP/SAVP'])(
    '%s is a profile that we speak',
    (protocol) => {
      expect(parsed(VIDEO.replace('UDP/TLS/RTP/SAVPF', protocol))?.isUsable).toBe(true);
    },
  );
  test.each(['RTP/AVP', 'RTP/AVPF', 'UDP/DTLS/SCTP', 'TCP/DTLS/RTP/SAVPF'])('%s is not', (protocol) => {
    expect(parsed(VIDEO.replace('UDP/TLS/RTP/SAVPF', protocol))?.isUsable).toBe(false);
  });

  test('port 0 rejects it, unless it is bundle-only', () => {
    expect(parsed(VIDEO.replace(' 9 ', ' 0 '))?.isUsable).toBe(false);
    expect(parsed(`${VIDEO.replace(' 9 ', ' 0 ')}a=bundle-only\r\n`)?.isUsable).toBe(true);
  });

  test('only what shares the one transport is usable', () => {
    const two = `v=0\r\na=group:BUNDLE a\r\n${VIDEO}a=mid:a\r\n${TRANSPORT}${VIDEO}a=mid:b\r\n`;
    expect(parseOffer(two).media.map(({ isUsable }) => isUsable)).toEqual([true, false]);
    const unbundled = `v=0\r\n${VIDEO}a=mid:a\r\n${TRANSPORT}${VIDEO}a=mid:b\r\n`;
    expect(parseOffer(unbundled).media.map(({ isUsable }) => isUsable)).toEqual([true, false]);
  });

  test('feedback for all payloads counts for each', () => {
    expect(parsed(`${VIDEO}a=rtcp-fb:* nack pli\r\na=rtcp-fb:96 ccm fir\r\n`)?.codecs[0]?.feedback.toSorted()).toEqual([
      'ccm fir',
      'nack pli',
    ]);
  });

  test('lines may end as in Unix or in the old way, and a stray carriage return starts no line of its own in the answer', () => {
    expect(parseOffer(MINIMAL.replaceAll('\r\n', '\n'))).toEqual(parseOffer(MINIMAL));
    expect(parseOffer(`v=0\r\n${VIDEO}a=mid:x\ra=sendonly\r\n${TRANSPORT}`).media[0]).toMatchObject({
      mid: 'x',
      canReceive: false,
    });
  });

  test.each(['sha-256', 'SHA-256', 'sha-384', 'sha-512'])('a fingerprint by %s is taken', (hash) => {
    const bytes = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 }[hash.toLowerCase()] ?? 0;
    const sdp = `v=0\r\n${VIDEO}${CREDENTIALS}a=fingerprint:${hash} ${Array(bytes).fill('0f').join(':')}\r\n`;
    expect(parseOffer(sdp).transport.fingerprint.hash).toBe(hash.toLowerCase());
  });
});

describe('refused as SDP_INVALID', () => {
  test.each([
    ['nothing', ''],
    ['a greeting', 'hello'],
    ['no media', `v=0\r\n${TRANSPORT}`],
    ['no version', MINIMAL.slice(5)],
    ['an m-line without a port', MINIMAL.replace('m=video 9', 'm=video')],
    ['a port that is no number', MINIMAL.replace('m=video 9', 'm=video xx')],
    ['no fingerprint', `v=0\r\n${VIDEO}${CREDENTIALS}`],
    ['a fingerprint by MD5', `v=0\r\n${VIDEO}${CREDENTIALS}a=fingerprint:md5 ${Array(16).fill('AB').join(':')}\r\n`],
    ['a short fingerprint', MINIMAL.replace(/AB:AB/, 'AB')],
    ['a fingerprint of letters', MINIMAL.replace(/AB:AB/, 'AB:XX')],
    ['no ICE credentials', `v=0\r\n${VIDEO}${FINGERPRINT}`],
    ['a ufrag of three characters', MINIMAL.replace('abcd', 'abc')],
    ['a password of 21 characters', MINIMAL.replace('0123456789012345678901', '012345678901234567890')],
    ['a ufrag of 257 characters', MINIMAL.replace('abcd', 'a'.repeat(257))],
    ['another setup', `${MINIMAL}a=setup:holdconn\r\n`],
    ['33 m-lines', `v=0\r\n${VIDEO.repeat(33)}${TRANSPORT}`],
    ['2001 lines', MINIMAL + 'a=x\r\n'.repeat(2001)],
    ['more than 64 KiB', `${MINIMAL}a=x:${'y'.repeat(64 * 1024)}\r\n`],
    ['129 formats on one m-line', MINIMAL.replace('SAVPF 96', `SAVPF ${'96 '.repeat(128)}96`)],
  ])('%s', (_what, sdp) => {
    expect(faultOf(sdp)).toBe('SDP_INVALID');
  });

  test('what is just within the limits is taken', () => {
    expect(faultOf(`v=0\r\n${VIDEO.repeat(32)}${TRANSPORT}`)).toBe('none');
    expect(faultOf(MINIMAL + 'a=x\r\n'.repeat(1990))).toBe('none');
    expect(faultOf(MINIMAL.replace('SAVPF 96', `SAVPF ${'96 '.repeat(127)}96`))).toBe('none');
  });
});

test('candidates are never read: no name is resolved, nothing about them changes the outcome', () => {
  for (const name of OFFERS) {
    const whole = offer(name);
    const bare = whole.replaceAll(/a=candidate:.*\r\n/g, '');
    const foul = bare.replaceAll(
      /a=mid:.*\r\n/g,
      (line) =>
        `${line}a=candidate:1 1 udp 1 attacker.local 53 typ host\r\na=candidate:1 1 udp\r\na=candidate:x y z 1 169.254.169.254 80 typ relay\r\n`,
    );
    expect(parseOffer(foul)).toEqual(parseOffer(bare));
    expect(parseOffer(whole)).toEqual(parseOffer(bare));
  }
});

/** What a server that takes everything would answer. */
function answerAll(sdp: string): string {
  const parsed = parseOffer(sdp);
  const plan = parsed.media.map((media) => {
    const codecs = media.isUsable ? publisherCodecs(media) : [];
    return codecs.length === 0 ? undefined : { codecs };
  });
  return buildAnswer(parsed, plan, {
    addresses: ['192.0.2.1', '127.0.0.1'],
    port: 8189,
    fingerprint: Array(32).fill('CD').join(':'),
    ufrag: 'ours',
    pwd: 'our-password-of-22-chars',
    setup: 'passive',
    streamId: '',
    nack: false,
  });
}

test('an answer has the m-lines of its offer: as many, in order, with the same kinds, mids and profiles', () => {
  const token = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
  const media = fc.record({
    kind: fc.constantFrom('audio', 'video', 'application', 'text'),
    port: fc.constantFrom(0, 9, 5000),
    protocol: fc.constantFrom('UDP/TLS/RTP/SAVPF', 'RTP/AVP', 'UDP/DTLS/SCTP'),
    mid: fc.option(token),
    formats: fc.uniqueArray(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 6 }),
    codec: fc.constantFrom('H264/90000', 'VP8/90000', 'opus/48000/2', 'rtx/90000', 'PCMU/8000'),
    extra: fc.constantFrom('', 'a=bundle-only\r\n', 'a=recvonly\r\n', 'a=inactive\r\n', 'a=rtcp-rsize\r\n'),
  });
  fc.assert(
    fc.property(fc.array(media, { minLength: 1, maxLength: 8 }), fc.boolean(), (lines, isBundled) => {
      const mids = lines.flatMap(({ mid }) => (mid === null ? [] : [mid]));
      const sdp = [
        'v=0\r\n',
        isBundled ? `a=group:BUNDLE ${mids.join(' ')}\r\n` : '',
        TRANSPORT,
        ...lines.map(({ kind, port, protocol, mid, formats, codec, extra }) =>
          [
            `m=${kind} ${port} ${protocol} ${formats.join(' ')}\r\n`,
            ...formats.map((format) => `a=rtpmap:${format} ${codec}\r\n`),
            mid === null ? '' : `a=mid:${mid}\r\n`,
            extra,
          ].join(''),
        ),
      ].join('');
      const answered = parseOffer(answerAll(sdp).replaceAll('a=ice-lite\r\n', `a=ice-lite\r\n${TRANSPORT}`));
      const shape = ({ media: all }: ReturnType<typeof parseOffer>) =>
        all.map(({ kind, mid, protocol }) => ({ kind, mid, protocol }));
      expect(shape(answered)).toEqual(shape(parseOffer(sdp)));
    }),
    { numRuns: 200 },
  );
});

test('whatever comes, only SDP_INVALID is thrown, and what was read can be answered', () => {
  const random = new Seeded(8866);
  const originals = OFFERS.map(offer);
  let refused = 0;
  for (let round = 0; round < 1500; round++) {
    const original = originals[round % originals.length] as string;
    let lines = original.split('\r\n');
    for (let edits = random.below(6); edits >= 0; edits--) {
      const [from, to] = [random.below(lines.length), random.below(lines.length)];
      const line = lines[from] as string;
      const kind = random.below(5);
      if (kind === 0) lines = lines.toSpliced(from, 1 + random.below(40));
      else if (kind === 1) lines = lines.toSpliced(to, 0, line);
      else if (kind === 2) lines[from] = random.mutate(Buffer.from(line)).toString('latin1');
      else if (kind === 3) lines[from] = line.slice(0, random.below(line.length + 1));
      else lines[from] = line.replaceAll(/\d+/g, () => String(random.below(2 ** 32)));
      if (lines.length === 0) lines = [''];
    }
    const sdp = lines.join('\r\n');
    const fault = faultOf(sdp);
    expect(['none', 'SDP_INVALID']).toContain(fault);
    if (fault === 'none') expect(answerAll(sdp).match(/^m=/gm)).toHaveLength(parseOffer(sdp).media.length);
    else refused++;
  }
  expect(refused).toBeGreaterThan(100);
});
