import { createCipheriv } from 'node:crypto';

/** Key derivation labels (RFC 3711 §4.3.1, §4.3.2). */
export const LABEL = {
  RTP_ENCRYPTION: 0,
  RTP_AUTHENTICATION: 1,
  RTP_SALT: 2,
  RTCP_ENCRYPTION: 3,
  RTCP_AUTHENTICATION: 4,
  RTCP_SALT: 5,
} as const;

/** AES-CM PRF with key derivation rate 0 (RFC 3711 §4.3.3); for AEAD too (RFC 7714 §11). `salt` is 12 or 14 bytes. */
export function deriveKey(masterKey: Buffer, masterSalt: Buffer, label: number, bytes: number): Buffer {
  const x = Buffer.alloc(16);
  masterSalt.copy(x);
  x[7] = (x[7] as number) ^ label;
  const stream = Buffer.alloc(Math.ceil(bytes / 16) * 16);
  return createCipheriv('aes-128-ctr', masterKey, x).update(stream).subarray(0, bytes);
}
