import type { TrackInfo } from '../protocol/media.ts';
import { type MediaSection, type RtspTrack, sdpTrack } from './sdp-track.ts';

export const MAX_SDP_LINES = 2000;
export const MAX_SDP_MEDIA = 32;

export type SdpFault = 'not-sdp' | 'too-many-lines' | 'too-many-media' | 'bad-media-line';

/** One m-line of an RTSP session description. */
export type RtspMedia = {
  /** The `a=control` value as it is; see `resolveControl`. */
  readonly control: string | undefined;
  /** What is forwarded of it; undefined when it is skipped. */
  readonly track: RtspTrack | undefined;
  readonly info: TrackInfo;
};

/** An ANNOUNCE or DESCRIBE body, reduced to what a server of live media needs. */
export type RtspSessionDescription = {
  /** The session-level `a=control`: the URI of aggregate requests (PLAY, RECORD). */
  readonly control: string | undefined;
  readonly media: readonly RtspMedia[];
};

/**
 * Reads the session description of an ANNOUNCE or DESCRIBE (RFC 4566, RFC 2326 §C). Of each kind, the first track that
 * can be forwarded is; all others are `skipped` with a reason. Lenient about all it does not need: cameras write SDP by hand.
 */
export function parseRtspSdp(text: string): RtspSessionDescription | SdpFault {
  const lines = text.split(/\r\n|\n|\r/, MAX_SDP_LINES + 1);
  if (lines.length > MAX_SDP_LINES) return 'too-many-lines';
  if (!lines.some((line) => line.startsWith('v='))) return 'not-sdp';
  const sessionAttributes = new Map<string, string[]>();
  const sections: MediaSection[] = [];
  for (const line of lines) {
    if (line.startsWith('m=')) {
      const section = parseMediaLine(line.slice(2));
      if (section === undefined) return 'bad-media-line';
      if (sections.length === MAX_SDP_MEDIA) return 'too-many-media';
      sections.push(section);
    } else if (line.startsWith('a=')) {
      addAttribute(sections.at(-1)?.attributes ?? sessionAttributes, line.slice(2));
    }
  }
  const taken = new Set<string>();
  const media = sections.map((section): RtspMedia => {
    const control = section.attributes.get('control')?.[0];
    const { info, track } = sdpTrack(section);
    if (track === undefined) return { control, track, info };
    if (taken.has(track.kind)) {
      return {
        control,
        track: undefined,
        info: { ...info, skipped: `only the first ${track.kind} track is forwarded` },
      };
    }
    taken.add(track.kind);
    return { control, track, info };
  });
  return { control: sessionAttributes.get('control')?.[0], media };
}

function parseMediaLine(value: string): MediaSection | undefined {
  const [kind = '', port = '', protocol = '', ...formats] = value.trim().split(/\s+/);
  if (!/^[a-z]{1,32}$/i.test(kind) || !/^\d{1,5}(?:\/\d{1,5})?$/.test(port)) return undefined;
  return {
    kind: kind.toLowerCase(),
    protocol: protocol.toUpperCase(),
    formats: formats.filter((format) => /^\d{1,3}$/.test(format) && Number(format) < 128).map(Number),
    attributes: new Map(),
  };
}

function addAttribute(attributes: Map<string, string[]>, line: string): void {
  const colon = line.indexOf(':');
  const name = (colon < 0 ? line : line.slice(0, colon)).trim().toLowerCase();
  const value = colon < 0 ? '' : line.slice(colon + 1).trim();
  const values = attributes.get(name);
  if (values === undefined) attributes.set(name, [value]);
  else values.push(value);
}
