import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { SessionKeys } from '@shardcast/shared';

type AlertKeys = SessionKeys['alert'];

/** DTLS 1.2 records under AES-GCM (RFC 6347 §4.1, RFC 5288 §3): header, explicit nonce, ciphertext, tag. */
const RECORD_HEADER_BYTES = 13;
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;
const ALERT = 21;
const ALERT_BYTES = 2;

/** @returns level and description of an encrypted alert record; undefined when it is forged or something else. */
export function readAlert(keys: Pick<AlertKeys, 'peerKey' | 'peerIv'>, record: Buffer): Buffer | undefined {
  const overhead = RECORD_HEADER_BYTES + EXPLICIT_NONCE_BYTES + TAG_BYTES;
  if (record.length < overhead + ALERT_BYTES || record[0] !== ALERT) return undefined;
  const body = RECORD_HEADER_BYTES + EXPLICIT_NONCE_BYTES;
  const nonce = Buffer.concat([Buffer.from(keys.peerIv, 'base64'), record.subarray(RECORD_HEADER_BYTES, body)]);
  const key = Buffer.from(keys.peerKey, 'base64');
  const decipher = createDecipheriv(key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm', key, nonce);
  const aad = Buffer.alloc(13);
  record.copy(aad, 0, 3, 11); // epoch and sequence number
  record.copy(aad, 8, 0, 3); // type and version
  aad.writeUInt16BE(record.length - overhead, 11);
  decipher.setAAD(aad);
  decipher.setAuthTag(record.subarray(-TAG_BYTES));
  const plain = decipher.update(record.subarray(body, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain;
}

/**
 * A close_notify record of epoch 1: the one that is ready, or a new one.
 * @param sequence of a new one, never the same twice under one key; the handshake used small numbers
 */
export function closeNotify(keys: AlertKeys, sequence: number): Buffer {
  if ('goodbye' in keys) return Buffer.from(keys.goodbye, 'base64');
  const number = Buffer.alloc(8);
  number.writeUInt16BE(1, 0);
  number.writeUIntBE(sequence, 2, 6);
  const nonce = Buffer.concat([Buffer.from(keys.ownIv, 'base64'), number]);
  const cipher = createCipheriv('aes-128-gcm', Buffer.from(keys.ownKey, 'base64'), nonce);
  cipher.setAAD(Buffer.concat([number, Buffer.from([ALERT, 0xfe, 0xfd, 0, ALERT_BYTES])]));
  const sealed = Buffer.concat([cipher.update(Buffer.from([1, 0])), cipher.final()]); // warning, close_notify
  const length = Buffer.from([0, EXPLICIT_NONCE_BYTES + ALERT_BYTES + TAG_BYTES]);
  return Buffer.concat([Buffer.from([ALERT, 0xfe, 0xfd]), number, length, number, sealed, cipher.getAuthTag()]);
}
