import { createSecretKey, type KeyObject } from 'node:crypto';
import { deriveKey, LABEL } from './kdf.ts';

/** 1 AES128_CM_HMAC_SHA1_80 (RFC 5764 §4.1.2), 7 AEAD_AES_128_GCM (RFC 7714 §14.2). */
export type SrtpProfile = 1 | 7;

export const GCM_TAG_BYTES = 16;
export const SHA1_80_TAG_BYTES = 10;

/** Opens RTP packets of one peer, by other means than node:crypto. */
export interface PacketOpener {
  /** @returns whether bytes[start, end) is genuine; it is plain then up to the tag, and spoilt otherwise. */
  unprotect(bytes: Buffer, start: number, end: number, headerLength: number, ssrc: number, index: number): boolean;
}

/** Session keys of RTP or RTCP in one direction. */
export type CipherKeys = {
  readonly encryption: Buffer;
  readonly authentication: KeyObject;
  /** 12 bytes for GCM, 14 for counter mode. */
  readonly salt: Buffer;
};

export type DirectionKeys = { readonly rtp: CipherKeys; readonly rtcp: CipherKeys };

/** @param masterKey base64 of 16 bytes; @param masterSalt base64 of 12 (GCM) or 14 bytes. */
export function deriveDirection(profile: SrtpProfile, masterKey: string, masterSalt: string): DirectionKeys {
  const key = Buffer.from(masterKey, 'base64');
  const salt = Buffer.from(masterSalt, 'base64');
  const saltBytes = profile === 7 ? 12 : 14;
  const derive = (label: number, bytes: number) => deriveKey(key, salt, label, bytes);
  return {
    rtp: {
      encryption: derive(LABEL.RTP_ENCRYPTION, 16),
      authentication: createSecretKey(derive(LABEL.RTP_AUTHENTICATION, 20)),
      salt: derive(LABEL.RTP_SALT, saltBytes),
    },
    rtcp: {
      encryption: derive(LABEL.RTCP_ENCRYPTION, 16),
      authentication: createSecretKey(derive(LABEL.RTCP_AUTHENTICATION, 20)),
      salt: derive(LABEL.RTCP_SALT, saltBytes),
    },
  };
}

/**
 * Writes the IV of a packet into `iv`: 12 bytes for GCM (RFC 7714 §8.1, §9.1), 16 for counter mode (RFC 3711 §4.1.1).
 * @param high ROC for RTP, upper 16 bits of the index for RTCP; @param low sequence number, lower 16 bits of the index.
 */
export function writeIv(iv: Buffer, salt: Buffer, ssrc: number, high: number, low: number): void {
  iv.fill(0);
  const at = iv.length === 12 ? 2 : 4;
  iv.writeUInt32BE(ssrc, at);
  iv.writeUInt32BE(high, at + 4);
  iv.writeUInt16BE(low, at + 8);
  for (let i = 0; i < salt.length; i++) iv[i] = (iv[i] as number) ^ (salt[i] as number);
}
