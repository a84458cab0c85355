import { expect, test } from 'vitest';
import { answeredCodecs, viewerOffer } from './viewer-offer.ts';

const PEER = { port: 5000, ufrag: 'u', pwd: 'p', fingerprint: 'AA:BB' };

test('an offer has a section a kind, all in one bundle, and asks for no retransmission', () => {
  const offer = viewerOffer(PEER, '192.0.2.1', true);
  expect(offer.match(/^m=\w+/gm)).toEqual(['m=video', 'm=audio']);
  expect(offer).toContain('a=group:BUNDLE 0 1\r\n');
  expect(offer).not.toMatch(/a=rtcp-fb:\d+ nack\r|rtx/);
  const alone = viewerOffer(PEER, '2001:db8::1', false);
  expect(alone.match(/^m=\w+/gm)).toEqual(['m=video']);
  expect(alone).toContain('a=group:BUNDLE 0\r\n');
  expect(alone).toContain('o=- 1 1 IN IP6 2001:db8::1\r\n');
});

test('what an answer maps is known by its payload type, static types without a map too', () => {
  const codecs = answeredCodecs('m=video 9 x 98\r\na=rtpmap:98 VP8/90000\r\na=rtpmap:120 telephone-event/8000\r\n');
  expect(codecs.get(98)).toEqual({ name: 'VP8', codec: 'VP8', clockRate: 90_000 });
  expect(codecs.get(0)).toMatchObject({ codec: 'PCMU', clockRate: 8000 });
  expect(codecs.get(120)).toMatchObject({ codec: undefined });
  expect(codecs.get(96)).toBeUndefined();
});
