/** RFC 6347 §4.1, §4.2.2. */
const RECORD_HEADER_BYTES = 13;
const MESSAGE_HEADER_BYTES = 12;
const CONTENT = { CHANGE_CIPHER_SPEC: 20, ALERT: 21, HANDSHAKE: 22 } as const;
const CLIENT_HELLO = 1;
const FINISHED = 20;

const MAX_MESSAGE_BYTES = 16 * 1024;
/** Bytes of one handshake, all messages and repetitions together; and bytes of memory for its unfinished messages. */
const MAX_HANDSHAKE_BYTES = 64 * 1024;
/** Messages kept that came before their turn. */
const MAX_AHEAD = 8;
/** Holes in one message. */
const MAX_GAPS = 64;
const MAX_HELD = 4;

/** A handshake message on its way: which bytes came. */
class PartialMessage {
  readonly type: number;
  readonly body: Buffer;
  isWhole = false;
  /** Covered ranges, in order and apart from each other. */
  #ranges: [start: number, end: number][] = [];

  constructor(type: number, length: number) {
    this.type = type;
    this.body = Buffer.alloc(length);
  }

  add(at: number, fragment: Buffer): void {
    fragment.copy(this.body, at);
    const merged: [start: number, end: number] = [at, at + fragment.length];
    const apart = this.#ranges.filter(([start, end]) => {
      if (end < merged[0] || start > merged[1]) return true;
      merged[0] = Math.min(merged[0], start);
      merged[1] = Math.max(merged[1], end);
      return false;
    });
    // So many holes are no network's doing: begin anew, the peer will send again what it means.
    this.#ranges = apart.length >= MAX_GAPS ? [merged] : [...apart, merged].sort((a, b) => a[0] - b[0]);
    this.isWhole = merged[0] === 0 && merged[1] === this.body.length;
  }
}

/**
 * Stands between the socket and werift's DTLS: whole handshake messages, each once, in order. werift by itself takes a
 * fragmented message for complete when its last fragment comes, mixes fragments of different messages, takes the
 * client's last flight in any order, which spoils the extended master secret, and believes plaintext alerts.
 */
export class DtlsInbound {
  readonly #deliver: (record: Buffer) => void;
  readonly #onAlert: (record: Buffer) => void;
  readonly #onDropped: () => void;
  readonly #partial = new Map<number, PartialMessage>();
  readonly #held: Buffer[] = [];
  #next = 0;
  #bytes = 0;
  #isPeerKnown = false;
  #isSealed = false;

  /**
   * @param deliver gets one well-formed record at a time
   * @param onAlert gets alert records of epoch 1, still encrypted; plaintext alerts are never obeyed
   * @param onDropped is told of each record or message that was refused; repetitions are not
   */
  constructor(deliver: (record: Buffer) => void, onAlert: (record: Buffer) => void, onDropped: () => void) {
    this.#deliver = deliver;
    this.#onAlert = onAlert;
    this.#onDropped = onDropped;
  }

  /** Takes a datagram of DTLS records; what is kept is copied. */
  feed(datagram: Buffer): void {
    let at = 0;
    while (at + RECORD_HEADER_BYTES <= datagram.length) {
      const type = datagram[at] as number;
      const epoch = datagram.readUInt16BE(at + 3);
      const end = at + RECORD_HEADER_BYTES + datagram.readUInt16BE(at + 11);
      if (end > datagram.length || datagram[at + 1] !== 0xfe) {
        this.#onDropped();
        return;
      }
      const record = datagram.subarray(at, end);
      at = end;
      if (epoch === 0 && type === CONTENT.HANDSHAKE && !this.#isSealed) this.#messages(record);
      else if (epoch === 1 && type === CONTENT.HANDSHAKE) this.#encrypted(record);
      else if (epoch === 1 && type === CONTENT.ALERT) this.#onAlert(record);
      // The epoch says it too, and is part of what is authenticated; every handshake has one of these.
      else if (type !== CONTENT.CHANGE_CIPHER_SPEC) this.#onDropped();
    }
    if (at < datagram.length) this.#onDropped();
  }

  /** The peer's keys are known and its signature was checked: encrypted messages may pass. */
  release(): void {
    this.#isPeerKnown = true;
    for (const record of this.#held.splice(0)) this.#deliver(record);
  }

  /** The handshake is done: nothing in plaintext counts any more. */
  seal(): void {
    this.#isSealed = true;
    this.#partial.clear();
  }

  #encrypted(record: Buffer): void {
    // werift keeps what looks like a fragment; only a Finished, 12 bytes, is ever needed here.
    this.#bytes += record.length;
    if (this.#bytes > MAX_HANDSHAKE_BYTES) this.#onDropped();
    else if (this.#isPeerKnown) this.#deliver(Buffer.from(record));
    else if (this.#held.length < MAX_HELD) this.#held.push(Buffer.from(record));
    else this.#onDropped();
  }

  #messages(record: Buffer): void {
    for (let at = RECORD_HEADER_BYTES; at + MESSAGE_HEADER_BYTES <= record.length; ) {
      const type = record[at] as number;
      const length = record.readUIntBE(at + 1, 3);
      const sequence = record.readUInt16BE(at + 4);
      const offset = record.readUIntBE(at + 6, 3);
      const size = record.readUIntBE(at + 9, 3);
      const fragment = record.subarray(at + MESSAGE_HEADER_BYTES, at + MESSAGE_HEADER_BYTES + size);
      at += MESSAGE_HEADER_BYTES + size;
      this.#bytes += size;
      const isBad =
        fragment.length !== size ||
        offset + size > length ||
        (size === 0 && length > 0) || // would never complete anything
        length > MAX_MESSAGE_BYTES ||
        type === FINISHED || // never in plaintext
        sequence > this.#next + MAX_AHEAD ||
        this.#bytes > MAX_HANDSHAKE_BYTES;
      if (isBad) this.#onDropped();
      else this.#fragment(type, length, sequence, offset, fragment);
    }
  }

  #fragment(type: number, length: number, sequence: number, offset: number, fragment: Buffer): void {
    // A repeated ClientHello asks for our flight again; other repetitions are answered by the repeated Finished alone.
    if (sequence < this.#next && (type !== CLIENT_HELLO || sequence < this.#next - 1)) return;
    let message = this.#partial.get(sequence);
    if (message === undefined || message.type !== type || message.body.length !== length) {
      if (message?.isWhole === true) return;
      let kept = length;
      for (const [other, { body }] of this.#partial) if (other !== sequence) kept += body.length;
      if (kept > MAX_HANDSHAKE_BYTES) {
        this.#onDropped();
        return;
      }
      message = new PartialMessage(type, length);
      this.#partial.set(sequence, message);
    }
    message.add(offset, fragment);
    if (!message.isWhole) return;
    if (sequence < this.#next) {
      this.#partial.delete(sequence);
      this.#pass(sequence, message);
      return;
    }
    for (let next = this.#partial.get(this.#next); next?.isWhole === true; next = this.#partial.get(this.#next)) {
      this.#partial.delete(this.#next);
      this.#pass(this.#next++, next);
    }
  }

  /** As one record with one unfragmented message. */
  #pass(sequence: number, message: PartialMessage): void {
    const { type, body } = message;
    const record = Buffer.alloc(RECORD_HEADER_BYTES + MESSAGE_HEADER_BYTES + body.length);
    record[0] = CONTENT.HANDSHAKE;
    record.writeUInt16BE(0xfefd, 1);
    record.writeUInt16BE(MESSAGE_HEADER_BYTES + body.length, 11);
    record[13] = type;
    record.writeUIntBE(body.length, 14, 3);
    record.writeUInt16BE(sequence, 17);
    record.writeUIntBE(body.length, 22, 3);
    body.copy(record, RECORD_HEADER_BYTES + MESSAGE_HEADER_BYTES);
    this.#deliver(record);
  }
}
