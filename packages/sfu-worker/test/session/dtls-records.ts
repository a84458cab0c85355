/** A DTLS 1.2 record (RFC 6347 §4.1). */
export function record(type: number, epoch: number, payload: Buffer, sequence = 0): Buffer {
  const head = Buffer.alloc(13);
  head[0] = type;
  head.writeUInt16BE(0xfefd, 1);
  head.writeUInt16BE(epoch, 3);
  head.writeUIntBE(sequence, 5, 6);
  head.writeUInt16BE(payload.length, 11);
  return Buffer.concat([head, payload]);
}

/** The records of a datagram. */
export function records(datagram: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 13 <= datagram.length; at += 13 + datagram.readUInt16BE(at + 11))
    found.push(datagram.subarray(at, at + 13 + datagram.readUInt16BE(at + 11)));
  return found;
}

/** Whether a datagram holds an encrypted record of the type. */
export function holdsEncrypted(datagram: Buffer, type: number): boolean {
  return records(datagram).some((each) => each[0] === type && each.readUInt16BE(3) > 0);
}

/** body[from, to) of a handshake message, with its header (RFC 6347 §4.2.2). */
export function fragment(type: number, messageSequence: number, body: Buffer, from = 0, to = body.length): Buffer {
  const head = Buffer.alloc(12);
  head[0] = type;
  head.writeUIntBE(body.length, 1, 3);
  head.writeUInt16BE(messageSequence, 4);
  head.writeUIntBE(from, 6, 3);
  head.writeUIntBE(to - from, 9, 3);
  return Buffer.concat([head, body.subarray(from, to)]);
}

export type WholeMessage = { readonly type: number; readonly sequence: number; readonly body: Buffer };

/** A record with one unfragmented handshake message, taken apart; throws when it is anything else. */
export function wholeMessage(bytes: Buffer): WholeMessage {
  const length = bytes.readUIntBE(14, 3);
  const body = bytes.subarray(25);
  const isWhole =
    bytes[0] === 22 &&
    bytes.readUInt16BE(3) === 0 &&
    bytes.readUInt16BE(11) === bytes.length - 13 &&
    bytes.readUIntBE(19, 3) === 0 &&
    bytes.readUIntBE(22, 3) === length &&
    body.length === length;
  if (!isWhole) throw new Error(`not one whole message: ${bytes.toString('hex')}`);
  return { type: bytes[13] as number, sequence: bytes.readUInt16BE(17), body: Buffer.from(body) };
}
