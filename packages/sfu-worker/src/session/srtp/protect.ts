import { createCipheriv, createHmac } from 'node:crypto';
import { CounterMode } from './counter-mode.ts';
import { HmacSha1 } from './hmac-sha1.ts';
import {
  type CipherKeys,
  type DirectionKeys,
  deriveDirection,
  GCM_TAG_BYTES,
  SHA1_80_TAG_BYTES,
  type SrtpProfile,
  writeIv,
} from './session-keys.ts';

/** Packets of one sender to be protected together. What `protectRun` needs besides is in each field's comment. */
export type PacketRun = {
  /** Before each packet are HMAC_HEADROOM bytes that may be overwritten, behind each 16. */
  bytes: Buffer;
  readonly starts: Int32Array;
  /** In: RTP length. Out: SRTP length. */
  readonly lengths: Int32Array;
  /** SRTP packet indexes; never the same twice. */
  readonly indexes: Float64Array;
  count: number;
};

/** One direction's sending side: RTP and RTCP under one pair of master key and salt. Indexes are the caller's. */
export class SrtpSender {
  readonly profile: SrtpProfile;
  readonly #keys: DirectionKeys;
  readonly #iv: Buffer;
  #counterMode: CounterMode | undefined;
  #hmac: HmacSha1 | undefined;
  readonly #rollover = Buffer.alloc(4);

  /** @param masterKey base64; @param masterSalt base64 */
  constructor(profile: SrtpProfile, masterKey: string, masterSalt: string) {
    this.profile = profile;
    this.#keys = deriveDirection(profile, masterKey, masterSalt);
    this.#iv = Buffer.alloc(profile === 7 ? 12 : 16);
  }

  /** Session keys of RTP, for a media path with crypto of its own. */
  get rtpKeys(): CipherKeys {
    return this.#keys.rtp;
  }

  /** Protects a run of packets with plain headers of `headerLength` bytes, all of one SSRC, in place. */
  protectRun(run: PacketRun, headerLength: number): void {
    const { bytes, starts, lengths, indexes, count } = run;
    if (this.profile === 7) {
      for (let i = 0; i < count; i++) {
        const start = starts[i] as number;
        lengths[i] = this.protect(bytes, start, headerLength, lengths[i] as number, indexes[i] as number);
      }
      return;
    }
    // Made with the first packet: a media path with crypto of its own needs neither.
    this.#counterMode ??= new CounterMode(this.#keys.rtp.encryption, this.#keys.rtp.salt);
    this.#hmac ??= new HmacSha1(this.#keys.rtp.authentication);
    this.#counterMode.applyRun(bytes, starts, lengths, indexes, count, headerLength);
    for (let i = 0; i < count; i++) {
      const start = starts[i] as number;
      const end = start + (lengths[i] as number);
      // RFC 3711 §4.2: the MAC covers the packet and the rollover counter, which is not sent; the tag takes its place.
      bytes.writeUInt32BE(Math.floor((indexes[i] as number) / 0x1_0000) >>> 0, end);
      this.#hmac.sign(bytes, start, end + 4, end, SHA1_80_TAG_BYTES);
      lengths[i] = (lengths[i] as number) + SHA1_80_TAG_BYTES;
    }
  }

  /**
   * The plain way, and the reference for `protectRun`: protects the RTP packet in bytes[start, start + length) in place; 16 bytes behind it are free.
   * @param index ROC * 65536 + the packet's sequence number; never the same twice
   * @returns the protected length
   */
  protect(bytes: Buffer, start: number, headerLength: number, length: number, index: number): number {
    const roc = Math.floor(index / 0x1_0000);
    const ssrc = bytes.readUInt32BE(start + 8);
    const { encryption, authentication, salt } = this.#keys.rtp;
    writeIv(this.#iv, salt, ssrc, roc, index % 0x1_0000);
    const body = start + headerLength;
    const end = start + length;
    if (this.profile === 7) {
      const cipher = createCipheriv('aes-128-gcm', encryption, this.#iv);
      cipher.setAAD(bytes.subarray(start, body));
      cipher.update(bytes.subarray(body, end)).copy(bytes, body);
      cipher.final();
      cipher.getAuthTag().copy(bytes, end);
      return length + GCM_TAG_BYTES;
    }
    createCipheriv('aes-128-ctr', encryption, this.#iv).update(bytes.subarray(body, end)).copy(bytes, body);
    this.#rollover.writeUInt32BE(roc >>> 0);
    const mac = createHmac('sha1', authentication).update(bytes.subarray(start, end)).update(this.#rollover).digest();
    mac.copy(bytes, end, 0, SHA1_80_TAG_BYTES);
    return length + SHA1_80_TAG_BYTES;
  }

  /**
   * Protects the compound RTCP packet in bytes[0, length) in place; 20 bytes behind it are free.
   * @param index SRTCP index, 31 bits; never the same twice
   * @returns the protected length
   */
  protectRtcp(bytes: Buffer, length: number, index: number): number {
    const { encryption, authentication, salt } = this.#keys.rtcp;
    writeIv(this.#iv, salt, bytes.readUInt32BE(4), index >>> 16, index & 0xffff);
    const word = Buffer.alloc(4);
    word.writeUInt32BE((index | 0x8000_0000) >>> 0); // E: the packet is encrypted
    if (this.profile === 7) {
      const cipher = createCipheriv('aes-128-gcm', encryption, this.#iv);
      cipher.setAAD(Buffer.concat([bytes.subarray(0, 8), word])); // RFC 7714 §9.2
      cipher.update(bytes.subarray(8, length)).copy(bytes, 8);
      cipher.final();
      cipher.getAuthTag().copy(bytes, length);
      word.copy(bytes, length + GCM_TAG_BYTES);
      return length + GCM_TAG_BYTES + 4;
    }
    createCipheriv('aes-128-ctr', encryption, this.#iv).update(bytes.subarray(8, length)).copy(bytes, 8);
    word.copy(bytes, length);
    const mac = createHmac('sha1', authentication)
      .update(bytes.subarray(0, length + 4))
      .digest();
    mac.copy(bytes, length + 4, 0, SHA1_80_TAG_BYTES);
    return length + 4 + SHA1_80_TAG_BYTES;
  }
}
