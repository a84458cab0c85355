import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from '../../src/session/crc32.ts';

const COOKIE = 0x2112_a442;

/** One attribute in type-length-value form, padded to a word (RFC 8489 §14). */
export function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** A STUN message of `type` with the attributes as given, and nothing added. */
export function message(type: number, attributes: readonly Buffer[], transactionId: Buffer = randomBytes(12)): Buffer {
  const body = Buffer.concat(attributes);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(body.length, 2);
  head.writeUInt32BE(COOKIE, 4);
  return Buffer.concat([head, transactionId, body]);
}

/** Appends MESSAGE-INTEGRITY, by the book: the length counts the attribute before it is there (RFC 8489 §14.5). */
export function sign(unsigned: Buffer, pwd: string): Buffer {
  const covered = Buffer.from(unsigned);
  covered.writeUInt16BE(unsigned.length - 20 + 24, 2);
  const mac = createHmac('sha1', pwd).update(covered).digest();
  return Buffer.concat([covered, attribute(0x0008, mac)]);
}

/** Appends FINGERPRINT (RFC 8489 §14.7). */
export function fingerprint(unmarked: Buffer): Buffer {
  const covered = Buffer.from(unmarked);
  covered.writeUInt16BE(unmarked.length - 20 + 8, 2);
  const value = Buffer.alloc(4);
  value.writeUInt32BE((crc32(covered) ^ 0x5354_554e) >>> 0);
  return Buffer.concat([covered, attribute(0x8028, value)]);
}

export type CheckOptions = {
  readonly ufrag: string;
  readonly pwd: string;
  readonly peerUfrag: string;
  readonly useCandidate?: boolean;
  readonly transactionId?: Buffer;
};

/** An ICE connectivity check as a full agent sends it (RFC 8445 §7.2.4). */
export function connectivityCheck({ ufrag, pwd, peerUfrag, useCandidate, transactionId }: CheckOptions): Buffer {
  const attributes = [
    attribute(0x0006, Buffer.from(`${ufrag}:${peerUfrag}`)), // USERNAME
    attribute(0x0024, Buffer.from([0x6e, 0, 0x1e, 0xff])), // PRIORITY
    attribute(0x802a, randomBytes(8)), // ICE-CONTROLLING
    ...(useCandidate === true ? [attribute(0x0025, Buffer.alloc(0))] : []),
  ];
  return fingerprint(sign(message(0x0001, attributes, transactionId), pwd));
}

/** Attributes of a message by type, and where each begins. */
export function attributesOf(stun: Buffer): Map<number, { at: number; value: Buffer }> {
  const found = new Map<number, { at: number; value: Buffer }>();
  for (let at = 20; at + 4 <= stun.length; ) {
    const length = stun.readUInt16BE(at + 2);
    found.set(stun.readUInt16BE(at), { at, value: stun.subarray(at + 4, at + 4 + length) });
    at += 4 + ((length + 3) & ~3);
  }
  return found;
}

/** True when MESSAGE-INTEGRITY and FINGERPRINT of any message are right. Written apart from the code under test. */
export function isGenuine(stun: Buffer, pwd: string): boolean {
  const attributes = attributesOf(stun);
  const integrity = attributes.get(0x0008);
  const mark = attributes.get(0x8028);
  if (integrity === undefined || mark === undefined) return false;
  const covered = Buffer.from(stun.subarray(0, integrity.at));
  const signed = sign(covered, pwd);
  if (!signed.subarray(integrity.at + 4).equals(integrity.value)) return false;
  return fingerprint(Buffer.from(stun.subarray(0, mark.at)))
    .subarray(mark.at + 4)
    .equals(mark.value);
}
