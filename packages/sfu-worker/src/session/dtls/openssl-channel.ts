import { HANDSHAKE, type NativeDtls, type NativeDtlsContext, type NativeDtlsHandshake } from './native-dtls.ts';
import type { SecureChannel, SecureChannelOptions } from './secure-channel.ts';

/** RFC 6347 §4.1. */
const RECORD_HEADER_BYTES = 13;
const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE_RECORD = 22;
/**
 * OpenSSL keeps an encrypted record that comes too early, in 17 kB each: a Finished, repeated a few times, is all that a
 * peer has to say.
 */
const MAX_EARLY_RECORDS = 16;

/** The handshake by the OpenSSL inside Node, through the addon. */
export class OpenSslChannel implements SecureChannel {
  readonly #addon: NativeDtls;
  readonly #context: NativeDtlsContext;
  readonly #options: SecureChannelOptions;
  /** From the first datagram on, in or out. */
  #handshake: NativeDtlsHandshake | undefined;
  #state: 'new' | 'started' | 'ready' | 'ended' = 'new';
  #earlyRecords = 0;
  #plaintextRecords = 0;
  /** The peer's encrypted record that came last, and what we sent when it completed the handshake. */
  #finished: Buffer | undefined;
  #lastFlight: Buffer[] = [];

  constructor(addon: NativeDtls, context: NativeDtlsContext, options: SecureChannelOptions) {
    this.#addon = addon;
    this.#context = context;
    this.#options = options;
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    if (!this.#options.active) return;
    this.#handshake = this.#open();
    this.#settle(this.#handshake, this.#handshake.start());
  }

  onDatagram(datagram: Buffer): void {
    if (this.#state === 'ended' || (this.#handshake === undefined && this.#state === 'ready')) return;
    // Alerts are taken out: OpenSSL would believe those in plain text, and the encrypted ones are the session's to read.
    let from = 0;
    let at = 0;
    while (at + RECORD_HEADER_BYTES <= datagram.length) {
      const type = datagram[at] as number;
      const epoch = datagram.readUInt16BE(at + 3);
      const end = at + RECORD_HEADER_BYTES + datagram.readUInt16BE(at + 11);
      if (end > datagram.length || datagram[at + 1] !== 0xfe) break;
      // werift repeats records under their old numbers, against RFC 6347 §4.2.4, and OpenSSL would take them for replays, also
      // of those that came too early and were not used. No plaintext record's number is worth anything.
      if (epoch === 0) datagram.writeUIntBE(this.#plaintextRecords++, at + 5, 6);
      if (!this.#isForOpenSsl(type, epoch, datagram, at, end)) {
        this.#feed(datagram, from, at);
        this.#outOfBand(type, epoch, datagram.subarray(at, end));
        from = end;
      }
      at = end;
    }
    this.#feed(datagram, from, at);
    if (at < datagram.length) this.#options.onDropped();
  }

  tick(): void {
    // After the handshake only the peer's repetition brings ours.
    if (this.#state !== 'ready' && this.#handshake !== undefined) this.#settle(this.#handshake, this.#handshake.tick());
  }

  release(): void {
    this.#handshake?.free();
    this.#handshake = undefined;
    this.#finished = undefined;
    this.#lastFlight = [];
  }

  close(): void {
    this.#state = 'ended';
    this.release();
  }

  #open(): NativeDtlsHandshake {
    const { active, profiles, fingerprint } = this.#options;
    const digest = Buffer.from(fingerprint.value.replaceAll(':', ''), 'hex');
    return new this.#addon.DtlsHandshake(this.#context, !active, profiles, fingerprint.hash, digest);
  }

  #isForOpenSsl(type: number, epoch: number, datagram: Buffer, start: number, end: number): boolean {
    if (type !== HANDSHAKE_RECORD && type !== CHANGE_CIPHER_SPEC) return false;
    if (epoch === 0) return true;
    if (this.#state === 'ready') return this.#finished?.compare(datagram, start, end) !== 0;
    this.#finished = Buffer.from(datagram.subarray(start, end));
    return ++this.#earlyRecords <= MAX_EARLY_RECORDS;
  }

  #outOfBand(type: number, epoch: number, record: Buffer): void {
    if (type === ALERT && epoch === 1) {
      this.#options.onAlert(record);
    } else if (type === HANDSHAKE_RECORD && this.#state === 'ready') {
      // Its Finished again, under its old number too.
      for (const datagram of this.#lastFlight) this.#options.send(datagram);
    } else {
      this.#options.onDropped();
    }
  }

  #feed(datagram: Buffer, start: number, end: number): void {
    if (start === end || this.#state === 'ended') return;
    // A server's begins with what comes; a client that was not started has asked for nothing.
    if (this.#handshake === undefined && this.#state !== 'ready' && !this.#options.active)
      this.#handshake = this.#open();
    const handshake = this.#handshake;
    if (handshake !== undefined) this.#settle(handshake, handshake.feed(datagram, start, end));
  }

  #settle(handshake: NativeDtlsHandshake, state: number): void {
    const flight: Buffer[] = [];
    for (let datagram = handshake.take(); datagram !== undefined; datagram = handshake.take()) {
      flight.push(datagram);
      this.#options.send(datagram);
    }
    // A session that is up has its keys, whatever comes of the handshake's state afterwards.
    if (this.#state === 'ready' || this.#state === 'ended') return;
    if (state === HANDSHAKE.CONNECTED) {
      this.#lastFlight = flight;
      this.#connected(handshake);
    } else if (state === HANDSHAKE.FAILED) this.#fail(`DTLS: ${handshake.reason()}`);
  }

  #connected(handshake: NativeDtlsHandshake): void {
    const keys = handshake.keys();
    if (keys === undefined) {
      this.#fail('no SRTP profile in common');
      return;
    }
    this.#state = 'ready';
    this.#options.onReady({
      profile: keys.profile,
      localKey: keys.localKey.toString('base64'),
      localSalt: keys.localSalt.toString('base64'),
      remoteKey: keys.remoteKey.toString('base64'),
      remoteSalt: keys.remoteSalt.toString('base64'),
      alert: {
        peerKey: keys.peerKey.toString('base64'),
        peerIv: keys.peerIv.toString('base64'),
        goodbye: keys.goodbye.toString('base64'),
      },
    });
  }

  #fail(reason: string): void {
    this.close();
    this.#options.onFail(reason);
  }
}
