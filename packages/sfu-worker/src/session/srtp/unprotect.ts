import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { CounterMode } from './counter-mode.ts';
import { HMAC_HEADROOM, HmacSha1 } from './hmac-sha1.ts';
import {
  type DirectionKeys,
  deriveDirection,
  GCM_TAG_BYTES,
  type PacketOpener,
  SHA1_80_TAG_BYTES,
  type SrtpProfile,
  writeIv,
} from './session-keys.ts';

/** What fits an Ethernet frame goes the fast way; larger packets, which only loopback carries, the plain one. */
const MAX_FAST_BYTES = 2048;

/**
 * A packet's copy, with what `HmacSha1` needs around it, aligned for `CounterMode`, and always the same memory: a
 * datagram is neither. One thread opens one packet at a time.
 */
const copy = Buffer.alloc(HMAC_HEADROOM + MAX_FAST_BYTES + 4 + SHA1_80_TAG_BYTES);

/** One direction's receiving side. Replay is the caller's to check: RTP before (`guessIndex`), RTCP after. */
export class SrtpReceiver {
  readonly profile: SrtpProfile;
  /** Index of the RTCP packet unprotected last. */
  rtcpIndex = 0;
  readonly #keys: DirectionKeys;
  readonly #iv: Buffer;
  readonly #rollover = Buffer.alloc(4);
  readonly #counterMode: CounterMode | undefined;
  readonly #hmac: HmacSha1 | undefined;
  readonly #start = Int32Array.of(HMAC_HEADROOM);
  readonly #length = new Int32Array(1);
  readonly #index = new Float64Array(1);

  readonly #opener: PacketOpener | undefined;

  /** @param masterKey base64; @param masterSalt base64; @param opener used for RTP in place of node:crypto */
  constructor(profile: SrtpProfile, masterKey: string, masterSalt: string, opener?: PacketOpener) {
    this.profile = profile;
    this.#opener = opener;
    this.#keys = deriveDirection(profile, masterKey, masterSalt);
    this.#iv = Buffer.alloc(profile === 7 ? 12 : 16);
    if (profile === 1 && opener === undefined) {
      this.#counterMode = new CounterMode(this.#keys.rtp.encryption, this.#keys.rtp.salt);
      this.#hmac = new HmacSha1(this.#keys.rtp.authentication);
    }
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
    if (this.#opener !== undefined) {
      const ssrc = bytes.readUInt32BE(start + 8);
      return this.#opener.unprotect(bytes, start, end, headerLength, ssrc, index) ? plainEnd : -1;
    }
    if (this.#counterMode !== undefined && this.#hmac !== undefined && end - start <= MAX_FAST_BYTES) {
      return this.#openFast(this.#counterMode, this.#hmac, bytes, start, plainEnd, headerLength, index);
    }
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

  /** What `unprotect` does under SHA1_80, with standing objects in place of two a packet. */
  #openFast(
    counterMode: CounterMode,
    hmac: HmacSha1,
    bytes: Buffer,
    start: number,
    plainEnd: number,
    headerLength: number,
    index: number,
  ): number {
    const end = HMAC_HEADROOM + plainEnd - start;
    const tagAt = end + 4;
    bytes.copy(copy, HMAC_HEADROOM, start, plainEnd);
    copy.writeUInt32BE(Math.floor(index / 0x1_0000) >>> 0, end);
    hmac.sign(copy, HMAC_HEADROOM, tagAt, tagAt, SHA1_80_TAG_BYTES);
    let difference = 0; // in constant time: no early way out
    for (let i = 0; i < SHA1_80_TAG_BYTES; i++) {
      difference |= (copy[tagAt + i] as number) ^ (bytes[plainEnd + i] as number);
    }
    if (difference !== 0) return -1;
    this.#length[0] = plainEnd - start;
    this.#index[0] = index;
    counterMode.applyRun(copy, this.#start, this.#length, this.#index, 1, headerLength);
    copy.copy(bytes, start + headerLength, HMAC_HEADROOM + headerLength, end);
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
