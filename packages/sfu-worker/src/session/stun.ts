import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from './crc32.ts';

/** RFC 8489 §5. */
const MAGIC_COOKIE = 0x2112_a442;
const HEADER_BYTES = 20;
const MAX_MESSAGE_BYTES = 1280;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
/** RFC 8489 §14.7: keeps STUN's CRC apart from other protocols'. */
const FINGERPRINT_XOR = 0x5354_554e;

const ATTRIBUTE = {
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  XOR_MAPPED_ADDRESS: 0x0020,
  USE_CANDIDATE: 0x0025,
  FINGERPRINT: 0x8028,
} as const;

const INTEGRITY_BYTES = 20;

/** A Binding request, parsed but not trusted: `verifyRequest` does that. Views on the datagram. */
export type StunRequest = {
  readonly transactionId: Buffer;
  /** USERNAME before the colon: whose credentials are to be used (RFC 8445 §7.2.2). */
  readonly ufrag: string;
  /** USERNAME after the colon: the sender's own ufrag. */
  readonly peerUfrag: string;
  readonly useCandidate: boolean;
  readonly integrityAt: number;
  readonly fingerprintAt: number;
};

/** @returns undefined when the datagram is no well-formed Binding request with USERNAME and MESSAGE-INTEGRITY. */
export function parseBindingRequest(datagram: Buffer): StunRequest | undefined {
  if (datagram.length < HEADER_BYTES || datagram.length > MAX_MESSAGE_BYTES) return undefined;
  if (datagram.readUInt16BE(0) !== BINDING_REQUEST || datagram.readUInt32BE(4) !== MAGIC_COOKIE) return undefined;
  if (datagram.readUInt16BE(2) !== datagram.length - HEADER_BYTES || datagram.length % 4 !== 0) return undefined;

  let username: string | undefined;
  let useCandidate = false;
  let integrityAt = -1;
  let fingerprintAt = -1;
  for (let at = HEADER_BYTES; at < datagram.length; ) {
    if (at + 4 > datagram.length || fingerprintAt >= 0) return undefined; // FINGERPRINT is the last (§14.7)
    const type = datagram.readUInt16BE(at);
    const length = datagram.readUInt16BE(at + 2);
    const value = at + 4;
    if (value + length > datagram.length) return undefined;
    if (type === ATTRIBUTE.FINGERPRINT) {
      if (length !== 4) return undefined;
      fingerprintAt = at;
    } else if (integrityAt >= 0) {
      // §14.5: what comes after MESSAGE-INTEGRITY is not protected and does not count.
    } else if (type === ATTRIBUTE.USERNAME) {
      username = datagram.toString('latin1', value, value + length);
    } else if (type === ATTRIBUTE.USE_CANDIDATE) {
      useCandidate = true;
    } else if (type === ATTRIBUTE.MESSAGE_INTEGRITY) {
      if (length !== INTEGRITY_BYTES) return undefined;
      integrityAt = at;
    }
    at = value + ((length + 3) & ~3);
  }
  if (username === undefined || integrityAt < 0) return undefined;
  const colon = username.indexOf(':');
  return {
    transactionId: datagram.subarray(8, HEADER_BYTES),
    ufrag: colon < 0 ? username : username.slice(0, colon),
    peerUfrag: colon < 0 ? '' : username.slice(colon + 1),
    useCandidate,
    integrityAt,
    fingerprintAt,
  };
}

/** Checks FINGERPRINT, where present, and MESSAGE-INTEGRITY with the short-term password (RFC 8489 §9.1.3). */
export function verifyRequest(datagram: Buffer, request: StunRequest, pwd: string): boolean {
  const { integrityAt, fingerprintAt } = request;
  if (fingerprintAt >= 0) {
    const expected = (crc32(datagram.subarray(0, fingerprintAt)) ^ FINGERPRINT_XOR) >>> 0;
    if (expected !== datagram.readUInt32BE(fingerprintAt + 4)) return false;
  }
  // The length field counts up to and including the attribute itself.
  const covered = Buffer.from(datagram.subarray(0, integrityAt));
  covered.writeUInt16BE(integrityAt + 4 + INTEGRITY_BYTES - HEADER_BYTES, 2);
  const mac = createHmac('sha1', pwd).update(covered).digest();
  return timingSafeEqual(mac, datagram.subarray(integrityAt + 4, integrityAt + 4 + INTEGRITY_BYTES));
}

/**
 * A Binding success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT.
 * @param address IPv4 or IPv6 literal of the request's source.
 */
export function bindingSuccess(transactionId: Buffer, address: string, port: number, pwd: string): Buffer {
  const ip = addressBytes(address);
  const message = Buffer.alloc(HEADER_BYTES + 8 + ip.length + 4 + INTEGRITY_BYTES + 8);
  message.writeUInt16BE(BINDING_SUCCESS, 0);
  message.writeUInt32BE(MAGIC_COOKIE, 4);
  transactionId.copy(message, 8);

  message.writeUInt16BE(ATTRIBUTE.XOR_MAPPED_ADDRESS, 20);
  message.writeUInt16BE(4 + ip.length, 22);
  message[25] = ip.length === 4 ? 1 : 2;
  message.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 26);
  // §14.2: the address is combined with the cookie, and for IPv6 with the transaction id behind it.
  for (let i = 0; i < ip.length; i++) message[28 + i] = (ip[i] as number) ^ (message[4 + i] as number);

  let at = 28 + ip.length;
  message.writeUInt16BE(at + 4 + INTEGRITY_BYTES - HEADER_BYTES, 2);
  const mac = createHmac('sha1', pwd).update(message.subarray(0, at)).digest();
  message.writeUInt16BE(ATTRIBUTE.MESSAGE_INTEGRITY, at);
  message.writeUInt16BE(INTEGRITY_BYTES, at + 2);
  mac.copy(message, at + 4);

  at += 4 + INTEGRITY_BYTES;
  message.writeUInt16BE(at + 8 - HEADER_BYTES, 2);
  message.writeUInt16BE(ATTRIBUTE.FINGERPRINT, at);
  message.writeUInt16BE(4, at + 2);
  message.writeUInt32BE((crc32(message.subarray(0, at)) ^ FINGERPRINT_XOR) >>> 0, at + 4);
  return message;
}

/** 4 or 16 bytes of an IP literal; zone ids are cut. */
function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const literal = address.split('%', 1)[0] as string;
  const [head = '', tail] = literal.split('::', 2);
  const words = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((word) => {
          if (!word.includes('.')) return [Number.parseInt(word, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const all = [...left, ...new Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
  const bytes = Buffer.alloc(16);
  for (let i = 0; i < 8; i++) bytes.writeUInt16BE((all[i] ?? 0) & 0xffff, 2 * i);
  return bytes;
}
