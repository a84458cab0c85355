import { Connection, type ConnectionState } from './connection.ts';

export type MediaPublisherOptions = {
  /** The WHIP endpoint: `https://host:8889/cam1/whip`. */
  readonly url: string | URL;
  /** Bearer token. */
  readonly token?: string;
  /** From `getUserMedia`, `getDisplayMedia`, a canvas… Its owner stops the tracks. */
  readonly stream: MediaStream;
  /** Preferred video codec: `H264`, `VP8`, `VP9`, `AV1`. */
  readonly videoCodec?: string;
  /** Bits a second, at most. */
  readonly videoBitrateBps?: number;
  /** @param detail for people; why it waits */
  readonly onState?: (state: ConnectionState, detail: string) => void;
  /** For tests, or for settings of one's own. */
  readonly createPeerConnection?: () => RTCPeerConnection;
  readonly fetch?: typeof fetch;
};

/** Publishes a MediaStream by WHIP and keeps at it until `close`: it reconnects by itself. */
export class MediaPublisher {
  readonly #connection: Connection;

  constructor(options: MediaPublisherOptions) {
    const { url, token, onState, createPeerConnection, fetch } = options;
    this.#connection = new Connection({
      url: new URL(url, globalThis.location?.href),
      token,
      prepare: (peer) => addTracks(peer, options),
      onState: onState ?? (() => {}),
      ...(createPeerConnection === undefined ? {} : { createPeerConnection }),
      ...(fetch === undefined ? {} : { fetch }),
    });
  }

  /** Ends it, on the server too; the stream's tracks go on. Idempotent. */
  close(): void {
    this.#connection.close();
  }
}

function addTracks(peer: RTCPeerConnection, { stream, videoCodec, videoBitrateBps }: MediaPublisherOptions): void {
  for (const track of stream.getTracks()) {
    const isVideo = track.kind === 'video';
    const sendEncodings = isVideo && videoBitrateBps !== undefined ? [{ maxBitrate: videoBitrateBps }] : [];
    const transceiver = peer.addTransceiver(track, {
      direction: 'sendonly',
      streams: [stream],
      ...(sendEncodings.length === 0 ? {} : { sendEncodings }),
    });
    if (isVideo && videoCodec !== undefined) preferCodec(transceiver, videoCodec);
  }
}

function preferCodec(transceiver: RTCRtpTransceiver, name: string): void {
  const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
  const isWanted = (codec: RTCRtpCodec) => codec.mimeType.toLowerCase() === `video/${name.toLowerCase()}`;
  const wanted = codecs.filter(isWanted);
  if (wanted.length > 0) transceiver.setCodecPreferences([...wanted, ...codecs.filter((codec) => !isWanted(codec))]);
}
