import { byteAt, uint16At, uint32At } from './bytes.ts';

/** Why a packet is not RTP. `overrun`: a length in the header points past the end. */
export type RtpFault = 'too-short' | 'bad-version' | 'overrun' | 'bad-padding';

const FIXED_HEADER_BYTES = 12;
const ONE_BYTE_PROFILE = 0xbede;
const TWO_BYTE_PROFILE = 0x100; // upper 12 bits, the lower 4 are "appbits"

/**
 * A movable window over one RTP packet (RFC 3550 §5.1): no allocation, no copy. Borrows the bytes; the getters are only
 * defined after `wrap` returned undefined, and until the bytes change.
 */
export class RtpView {
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #payloadStart = 0;
  #payloadEnd = 0;
  #extensionProfile = 0;
  #extensionStart = 0;
  #extensionEnd = 0;
  #foundStart = -1;
  #foundLength = -1;

  /**
   * Moves the window to the packet in buffer[start, end). Hostile packets are ordinary input, so a fault is an answer,
   * not an exception; after a fault the view stays on the packet before.
   */
  wrap(buffer: Buffer, start: number, end: number): RtpFault | undefined {
    return this.#move(buffer, start, end, true);
  }

  /** As `wrap`, for an SRTP packet that is still encrypted: its padding cannot be read, so it counts as payload. */
  wrapHeader(buffer: Buffer, start: number, end: number): RtpFault | undefined {
    return this.#move(buffer, start, end, false);
  }

  #move(buffer: Buffer, start: number, end: number, isPlain: boolean): RtpFault | undefined {
    if (end - start < FIXED_HEADER_BYTES) return 'too-short';
    if (start < 0 || end > buffer.length) return 'overrun';
    const first = byteAt(buffer, start);
    if (first >> 6 !== 2) return 'bad-version';

    let payloadStart = start + FIXED_HEADER_BYTES + 4 * (first & 0x0f); // one word a CSRC
    let extensionProfile = 0;
    let extensionStart = payloadStart;
    if ((first & 0x10) !== 0) {
      if (payloadStart + 4 > end) return 'overrun';
      extensionProfile = uint16At(buffer, payloadStart);
      extensionStart = payloadStart + 4;
      payloadStart = extensionStart + 4 * uint16At(buffer, payloadStart + 2); // §5.3.1: counts 32-bit words
    }
    if (payloadStart > end) return 'overrun';

    let payloadEnd = end;
    if (isPlain && (first & 0x20) !== 0) {
      const padding = byteAt(buffer, end - 1); // §5.1: the last octet counts itself
      if (padding === 0 || padding > end - payloadStart) return 'bad-padding';
      payloadEnd = end - padding;
    }

    this.#buffer = buffer;
    this.#start = start;
    this.#payloadStart = payloadStart;
    this.#payloadEnd = payloadEnd;
    this.#extensionProfile = extensionProfile;
    this.#extensionStart = extensionStart;
    this.#extensionEnd = (first & 0x10) !== 0 ? payloadStart : extensionStart;
    return undefined;
  }

  get buffer(): Buffer {
    return this.#buffer;
  }
  /** Wraps at 65535: compare with `sequenceDelta`, never with `<`. */
  get sequence(): number {
    return uint16At(this.#buffer, this.#start + 2);
  }
  /** In units of the codec's clock rate; wraps at 2^32: compare with `timestampDelta`. */
  get timestamp(): number {
    return uint32At(this.#buffer, this.#start + 4);
  }
  get ssrc(): number {
    return uint32At(this.#buffer, this.#start + 8);
  }
  get payloadType(): number {
    return byteAt(this.#buffer, this.#start + 1) & 0x7f;
  }
  /** Video: the last packet of a frame. Audio: the first after silence. */
  get marker(): boolean {
    return (byteAt(this.#buffer, this.#start + 1) & 0x80) !== 0;
  }
  /** Bytes before the payload, CSRCs and header extension included. */
  get headerLength(): number {
    return this.#payloadStart - this.#start;
  }
  /** Index in `buffer` of the first payload byte. */
  get payloadStart(): number {
    return this.#payloadStart;
  }
  /** Index in `buffer` after the last payload byte, padding left out. */
  get payloadEnd(): number {
    return this.#payloadEnd;
  }

  /** Index in `buffer` of a header extension element's data (RFC 8285, both forms), -1 when absent. Ids are 1..255. */
  extensionStart(id: number): number {
    this.#find(id);
    return this.#foundStart;
  }
  /** Bytes of a header extension element's data, -1 when absent; 0 is possible in the two-byte form. */
  extensionLength(id: number): number {
    this.#find(id);
    return this.#foundLength;
  }

  #find(id: number): void {
    this.#foundStart = this.#foundLength = -1;
    if (id === 0) return; // padding
    if (this.#extensionProfile === ONE_BYTE_PROFILE) this.#findOneByte(id);
    else if (this.#extensionProfile >> 4 === TWO_BYTE_PROFILE) this.#findTwoByte(id);
  }

  #findOneByte(id: number): void {
    let at = this.#extensionStart;
    while (at < this.#extensionEnd) {
      const head = byteAt(this.#buffer, at++);
      if (head === 0) continue; // padding
      const elementId = head >> 4;
      if (elementId === 0 || elementId === 15) return; // RFC 8285 §4.2: both end the block
      const length = (head & 0x0f) + 1;
      if (this.#matches(id, elementId, at, length)) return;
      at += length;
    }
  }

  #findTwoByte(id: number): void {
    let at = this.#extensionStart;
    while (at < this.#extensionEnd) {
      const elementId = byteAt(this.#buffer, at++);
      if (elementId === 0) continue; // padding
      if (at >= this.#extensionEnd) return;
      const length = byteAt(this.#buffer, at++);
      if (this.#matches(id, elementId, at, length)) return;
      at += length;
    }
  }

  #matches(id: number, elementId: number, at: number, length: number): boolean {
    if (elementId !== id) return false;
    if (at + length > this.#extensionEnd) return true; // cut off: as good as absent
    this.#foundStart = at;
    this.#foundLength = length;
    return true;
  }
}
