import {
  GenericNack,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  type RTCRtpTransceiver,
  RtcpTransportLayerFeedback,
} from 'werift';

const FEEDBACK = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }];

/** A stock werift peer that plays one video codec by WHEP and keeps what it is sent: for codecs that no browser here has. */
export class WeriftViewer {
  readonly payloads: Buffer[] = [];
  readonly answer: string;
  readonly #peer: RTCPeerConnection;
  readonly #transceiver: RTCRtpTransceiver;
  #ssrc = 0;
  #sequenceNumber = 0;

  private constructor(peer: RTCPeerConnection, transceiver: RTCRtpTransceiver, answer: string) {
    this.#peer = peer;
    this.#transceiver = transceiver;
    this.answer = answer;
  }

  static async play(url: string, codec: { mimeType: string; parameters?: string }): Promise<WeriftViewer> {
    const peer = new RTCPeerConnection({
      iceServers: [],
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: ['127.0.0.1'],
      bundlePolicy: 'max-bundle',
      codecs: {
        audio: [],
        video: [new RTCRtpCodecParameters({ clockRate: 90_000, payloadType: 98, rtcpFeedback: FEEDBACK, ...codec })],
      },
    });
    const transceiver = peer.addTransceiver('video', { direction: 'recvonly' });
    await peer.setLocalDescription(await peer.createOffer());
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
    });
    const answer = await response.text();
    if (response.status !== 201) {
      await peer.close();
      throw new Error(`${response.status} ${answer}`);
    }
    const viewer = new WeriftViewer(peer, transceiver, answer);
    peer.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe(({ header, payload }) => {
        viewer.#ssrc = header.ssrc;
        viewer.#sequenceNumber = header.sequenceNumber;
        viewer.payloads.push(payload);
      });
    });
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    return viewer;
  }

  /** PLI (RFC 4585 §6.3.1). */
  requestKeyframe(): Promise<void> {
    return this.#transceiver.receiver.sendRtcpPLI(this.#ssrc);
  }

  /** Says that the newest `count` packets did not come (generic NACK, RFC 4585 §6.2.1). */
  async claimLost(count: number): Promise<void> {
    const { dtlsTransport, rtcpSsrc: senderSsrc } = this.#transceiver.receiver;
    const first = this.#sequenceNumber - count;
    const lost = Array.from({ length: count }, (_, index) => (first + index + 0x10000) & 0xffff).sort((a, b) => a - b);
    const feedback = new GenericNack({ senderSsrc, mediaSourceSsrc: this.#ssrc, lost });
    await dtlsTransport.sendRtcp([new RtcpTransportLayerFeedback({ feedback })]);
  }

  close(): Promise<void> {
    return this.#peer.close();
  }
}
