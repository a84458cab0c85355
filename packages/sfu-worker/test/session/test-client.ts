import {
  MediaStreamTrack,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  type RTCRtpTransceiver,
  RtpHeader,
  RtpPacket,
} from 'werift';

/** A browser's stand-in: a stock werift peer on loopback that sends or receives VP8. */
export class TestClient {
  readonly pc: RTCPeerConnection;
  readonly transceiver: RTCRtpTransceiver;
  /** Payloads received, as text, in order of arrival. */
  readonly payloads: string[] = [];
  readonly sequences: number[] = [];
  /** Keyframe requests that reached this publisher. */
  keyframesAsked = 0;
  #mediaSsrc = 0;
  readonly #track: MediaStreamTrack;
  #sequence = 65_530; // the wrap comes early
  #sent = 0;

  constructor(direction: 'sendonly' | 'recvonly') {
    const feedback = [
      { type: 'nack', parameter: 'pli' },
      { type: 'ccm', parameter: 'fir' },
    ];
    this.pc = new RTCPeerConnection({
      iceServers: [],
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: ['127.0.0.1'],
      iceInterfaceAddresses: { udp4: '127.0.0.1' },
      bundlePolicy: 'max-bundle',
      codecs: {
        audio: [],
        video: [
          new RTCRtpCodecParameters({
            mimeType: 'video/VP8',
            clockRate: 90_000,
            payloadType: 96,
            rtcpFeedback: feedback,
          }),
        ],
      },
    });
    this.#track = new MediaStreamTrack({ kind: 'video' });
    this.transceiver = this.pc.addTransceiver(direction === 'sendonly' ? this.#track : 'video', { direction });
    this.transceiver.sender.onPictureLossIndication.subscribe(() => this.keyframesAsked++);
    this.pc.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe(({ header, payload }) => {
        this.#mediaSsrc = header.ssrc;
        this.sequences.push(header.sequenceNumber);
        this.payloads.push(payload.subarray(4).toString());
      });
    });
  }

  async offer(): Promise<string> {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    return this.pc.localDescription?.sdp ?? '';
  }

  /** Takes the answer and waits until ICE and DTLS are up. */
  async connect(answer: string): Promise<void> {
    const connected = new Promise<void>((resolve) => {
      this.pc.connectionStateChange.subscribe((state) => {
        if (state === 'connected') resolve();
      });
    });
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer });
    await connected;
  }

  /** A frame of one packet, or without a marker the beginning of one. `text` comes out at the viewers' end. */
  send(text: string, isKeyframe = true, marker = true): void {
    const sequenceNumber = this.#sequence++ & 0xffff;
    const header = new RtpHeader({
      version: 2,
      sequenceNumber,
      timestamp: this.#sent++ * 3000,
      payloadType: 96,
      ssrc: 4711,
      marker,
    });
    // RFC 7741 §4.2, §4.3: start of a partition; the frame tag's lowest bit is clear in a keyframe.
    const payload = Buffer.concat([Buffer.from([0x10, isKeyframe ? 0x10 : 0x11, 0, 0]), Buffer.from(text)]);
    this.#track.writeRtp(new RtpPacket(header, payload));
  }

  async askKeyframe(): Promise<void> {
    await this.transceiver.receiver.sendRtcpPLI(this.#mediaSsrc);
  }

  get dtlsState(): string {
    return this.pc.dtlsTransports[0]?.state ?? 'none';
  }

  close(): Promise<void> {
    return this.pc.close();
  }
}
