import { readFileSync } from 'node:fs';

/**
 * Offers as clients send them. The two of Chromium 156 are as its `createOffer` gave them; the others follow what
 * Firefox 153, pion 4.2, GStreamer 1.22's webrtcbin and FFmpeg 8's WHIP muxer write, with addresses and keys made up.
 */
export const OFFERS = [
  'chromium-play',
  'chromium-publish',
  'firefox-play',
  'pion-publish',
  'gstreamer-publish',
  'ffmpeg-publish',
] as const;
export type OfferName = (typeof OFFERS)[number];

/** With the line ends that SDP wants (RFC 8866 §5). */
export function offer(name: OfferName): string {
  return readFileSync(new URL(`./offers/${name}.sdp`, import.meta.url), 'utf8').replaceAll('\n', '\r\n');
}
