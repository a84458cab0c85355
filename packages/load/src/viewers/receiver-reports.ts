import { SrtpSender } from '@shardcast/sfu-worker/peer';
import type { PeerKeys } from '../traffic/peer-socket.ts';

const RR_BYTES = 8;
const PLI_BYTES = 12;
/** What SRTCP adds at most. */
const TAIL_BYTES = 20;
const OWN_SSRC = 1;

/** A viewer's RTCP: an empty receiver report, which says that it is there, and the wish for a keyframe. */
export class ReceiverReports {
  readonly #sender: SrtpSender;
  readonly #bytes = Buffer.alloc(RR_BYTES + PLI_BYTES + TAIL_BYTES);
  #index = 0;

  constructor({ profile, local }: PeerKeys) {
    this.#sender = new SrtpSender(profile, ...local);
  }

  /**
   * @param wanted SSRC of a video of which a keyframe is wanted (RFC 4585 §6.3.1)
   * @returns a protected packet, valid until the next call
   */
  write(wanted: number | undefined): Buffer {
    const bytes = this.#bytes;
    bytes.writeUInt32BE(0x80c9_0001, 0); // RR, no report blocks
    bytes.writeUInt32BE(OWN_SSRC, 4);
    let length = RR_BYTES;
    if (wanted !== undefined) {
      bytes.writeUInt32BE(0x81ce_0002, 8); // PSFB, PLI
      bytes.writeUInt32BE(OWN_SSRC, 12);
      bytes.writeUInt32BE(wanted, 16);
      length += PLI_BYTES;
    }
    return bytes.subarray(0, this.#sender.protectRtcp(bytes, length, ++this.#index));
  }
}
