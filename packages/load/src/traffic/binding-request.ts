import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from '@shardcast/sfu-worker/peer';

/** A controlling agent's check that nominates at once (RFC 8445 §7.1). */
export function bindingRequest(username: string, pwd: string): Buffer {
  const name = Buffer.from(username);
  const padded = (name.length + 3) & ~3;
  const message = Buffer.alloc(20 + 4 + padded + 8 + 12 + 4 + 24 + 8);
  message.writeUInt16BE(0x0001, 0);
  message.writeUInt32BE(0x2112_a442, 4);
  randomBytes(12).copy(message, 8);
  let at = message.writeUInt16BE(0x0006, 20);
  at = message.writeUInt16BE(name.length, at);
  name.copy(message, at);
  at += padded;
  at = message.writeUInt16BE(0x0024, at); // PRIORITY
  at = message.writeUInt16BE(4, at);
  at = message.writeUInt32BE(1_862_270_975, at);
  at = message.writeUInt16BE(0x802a, at); // ICE-CONTROLLING
  at = message.writeUInt16BE(8, at);
  randomBytes(8).copy(message, at);
  at += 8;
  at = message.writeUInt16BE(0x0025, at); // USE-CANDIDATE
  at = message.writeUInt16BE(0, at);
  message.writeUInt16BE(at + 24 - 20, 2);
  const mac = createHmac('sha1', pwd).update(message.subarray(0, at)).digest();
  at = message.writeUInt16BE(0x0008, at);
  at = message.writeUInt16BE(20, at);
  at += mac.copy(message, at);
  message.writeUInt16BE(at + 8 - 20, 2);
  const crc = (crc32(message.subarray(0, at)) ^ 0x5354_554e) >>> 0;
  at = message.writeUInt16BE(0x8028, at);
  at = message.writeUInt16BE(4, at);
  message.writeUInt32BE(crc, at);
  return message;
}
