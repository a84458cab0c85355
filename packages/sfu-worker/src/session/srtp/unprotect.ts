import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import {
  type DirectionKeys,
  deriveDirection,
  GCM_TAG_BYTES,
  SHA1_80_TAG_BYTES,
  type SrtpProfile,
  writeIv,
} from './session-keys.ts';

/** One direction's receiving side. Replay is the caller's to check: RTP before (`guessIndex`), RTCP after. */
export class SrtpReceiver {
  readonly profile: SrtpProfile;
  /** Index of the RTCP packet unprotected last. */
  rtcpIndex = 0;
  readonly #keys: DirectionKeys;
  readonly #iv: Buffer;
  readonly #rollover = Buffer.alloc(4);

  /** @param masterKey base64; @param masterSalt base64 */
  constructor(profile: SrtpProfile, masterKey: string, masterSalt: string) {
    this.profile = profile;
    this.#keys = deriveDirection(profile, masterKey, masterSalt);
    this.#iv = Buffer.alloc(profile === 7 ? 12 : 16);
  }

  /**
   * Authenticates and decrypts the SRTP packet in bytes[start, end) in place.
   * @returns the end of the plain packet, or -1 when it is forged or damaged
   */
  unprotect(bytes: Buffer, start: number, end: number, headerLength: number, index: number): number {
    const tag = this.profile === 7 ? GCM_TAG_BYTES : SHA1_80_TAG_BYTES;
    const body = start + headerLength;
    const plainEnd = end - tag;
    if (plainEnd < body || index < 0) return -1;
    const roc = Math.floor(index / 0x1_0000);
    const { encryption, authentication, salt } = this.#keys.rtp;
    writeIv(this.#iv, salt, bytes.readUInt32BE(start + 8), roc, index % 0x1_0000);
    if (this.profile === 7) {
      const isGenuine = this.#openGcm(encryption, bytes, body, plainEnd, bytes.subarray(start, body));
      return isGenuine ? plainEnd : -1;
    }
    this.#rollover.writeUInt32BE(roc >>> 0);
    const mac = createHmac('sha1', authentication)
      .update(bytes.subarray(start, plainEnd))
      .update(this.#rollover)
      .digest();
    if (!timingSafeEqual(mac.subarray(0, SHA1_80_TAG_BYTES), bytes.subarray(plainEnd, end))) return -1;
    createDecipheriv('aes-128-ctr', encryption, this.#iv).update(bytes.subarray(body, plainEnd)).copy(bytes, body);
    return plainEnd;
  }

  /**
   * Authenticates and decrypts the SRTCP packet in bytes[start, end) in place; `rtcpIndex` is its index.
   * @returns the end of the plain compound packet, or -1
   */
  unprotectRtcp(bytes: Buffer, start: number, end: number): number {
    const trailer = this.profile === 7 ? GCM_TAG_BYTES + 4 : 4 + SHA1_80_TAG_BYTES;
    const plainEnd = end - trailer;
    const body = start + 8;
    if (plainEnd < body) return -1;
    const { encryption, authentication, salt } = this.#keys.rtcp;
    const wordAt = this.profile === 7 ? end - 4 : plainEnd;
    const word = bytes.readUInt32BE(wordAt);
    const isEncrypted = word >= 0x8000_0000;
    const index = word & 0x7fff_ffff;
    writeIv(this.#iv, salt, bytes.readUInt32BE(start + 4), index >>> 16, index & 0xffff);
    if (this.profile === 7) {
      // RFC 7714 §9.2, §9.3: unencrypted packets are associated data as a whole.
      const covered = isEncrypted ? bytes.subarray(start, body) : bytes.subarray(start, plainEnd);
      const aad = Buffer.concat([covered, bytes.subarray(wordAt, end)]);
      if (!this.#openGcm(encryption, bytes, isEncrypted ? body : plainEnd, plainEnd, aad)) return -1;
    } else {
      const mac = createHmac('sha1', authentication)
        .update(bytes.subarray(start, wordAt + 4))
        .digest();
      if (!timingSafeEqual(mac.subarray(0, SHA1_80_TAG_BYTES), bytes.subarray(wordAt + 4, end))) return -1;
      if (isEncrypted) {
        createDecipheriv('aes-128-ctr', encryption, this.#iv).update(bytes.subarray(body, plainEnd)).copy(bytes, body);
      }
    }
    this.rtcpIndex = index;
    return plainEnd;
  }

  /** Decrypts bytes[from, to), whose tag follows at `to`, with the current IV. */
  #openGcm(key: Buffer, bytes: Buffer, from: number, to: number, aad: Buffer): boolean {
    const decipher = createDecipheriv('aes-128-gcm', key, this.#iv);
    decipher.setAAD(aad);
    decipher.setAuthTag(bytes.subarray(to, to + GCM_TAG_BYTES));
    const plain = decipher.update(bytes.subarray(from, to));
    try {
      decipher.final();
    } catch {
      return false; // node:crypto's way to say that the tag is wrong
    }
    plain.copy(bytes, from);
    return true;
  }
}
