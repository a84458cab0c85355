import { Connection, type ConnectionState } from './connection.ts';
import { offerStereo } from './sdp.ts';

export type MediaReaderOptions = {
  /** The WHEP endpoint: `https://host:8889/cam1/whep`. */
  readonly url: string | URL;
  /** Bearer token. */
  readonly token?: string;
  /** Every received track, for every new connection again. `event.streams[0]` holds the tracks that belong together. */
  readonly onTrack: (event: RTCTrackEvent) => void;
  /** @param detail for people; why it waits */
  readonly onState?: (state: ConnectionState, detail: string) => void;
  /** For tests, or for settings of one's own. */
  readonly createPeerConnection?: () => RTCPeerConnection;
  readonly fetch?: typeof fetch;
};

/** Plays a stream by WHEP and keeps at it until `close`: it reconnects by itself. */
export class MediaReader {
  readonly #connection: Connection;

  constructor({ url, token, onTrack, onState, createPeerConnection, fetch }: MediaReaderOptions) {
    this.#connection = new Connection({
      url: new URL(url, globalThis.location?.href),
      token,
      prepare(peer) {
        peer.addTransceiver('video', { direction: 'recvonly' });
        peer.addTransceiver('audio', { direction: 'recvonly' });
        peer.addEventListener('track', onTrack);
      },
      adaptOffer: offerStereo,
      progress: receivedProgress,
      onState: onState ?? (() => {}),
      ...(createPeerConnection === undefined ? {} : { createPeerConnection }),
      ...(fetch === undefined ? {} : { fetch }),
    });
  }

  /** Ends it, on the server too. Idempotent. */
  close(): void {
    this.#connection.close();
  }
}

/** Frames of video, or packets where there is only audio. */
export function receivedProgress(report: RTCStatsReport): number {
  let frames = 0;
  let hasVideo = false;
  let packets = 0;
  // lib.dom types the entries as `any`; these are the fields of RTCInboundRtpStreamStats.
  report.forEach(
    (entry: {
      type: string;
      kind?: string;
      framesReceived?: number;
      framesDecoded?: number;
      packetsReceived?: number;
    }) => {
      if (entry.type !== 'inbound-rtp') return;
      packets += entry.packetsReceived ?? 0;
      if (entry.kind !== 'video' || (entry.packetsReceived ?? 0) === 0) return;
      hasVideo = true;
      frames += entry.framesReceived ?? entry.framesDecoded ?? 0;
    },
  );
  return hasVideo ? frames : packets;
}
