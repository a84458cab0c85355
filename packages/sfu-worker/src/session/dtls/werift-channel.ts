import type { DtlsClient, DtlsServer } from 'werift';
import * as werift from 'werift';
import type { Certificate } from './certificate.ts';
import { DtlsInbound } from './inbound.ts';
import { PeerVerifier } from './peer-verifier.ts';
import type { SecureChannel, SecureChannelOptions } from './secure-channel.ts';

const CERTIFICATE_VERIFY = 15;
const GCM_IV_BYTES = 4;
/** RFC 6347 §4.1. */
const RECORD_HEADER_BYTES = 13;
/** werift's number for a handshake that is over: no flight is repeated from here on. */
const LAST_FLIGHT = 7;

/**
 * The DTLS handshake of one session by werift, with the peer authenticated before our Finished goes out (RFC 5763).
 * Nothing is ever sent through werift after the handshake: its record numbers would repeat and with them GCM nonces.
 */
export class WeriftChannel implements SecureChannel {
  readonly #options: SecureChannelOptions;
  readonly #inbound: DtlsInbound;
  readonly #transport: {
    type: string;
    address: { address: string; family: string; port: number };
    closed: boolean;
    onData: (data: Buffer, address: readonly [string, number]) => void;
    send: (data: Buffer) => Promise<void>;
    close: () => Promise<void>;
  };
  #dtls: DtlsServer | DtlsClient | undefined;
  #plaintextRecords = 0;
  #state: 'new' | 'started' | 'ready' | 'ended' = 'new';

  constructor(certificate: Certificate, options: SecureChannelOptions) {
    this.#options = options;
    const { active } = options;
    this.#transport = {
      type: 'mux',
      address: { address: '', family: 'IPv4', port: 0 },
      closed: false,
      onData: () => {},
      send: async (data) => this.#send(data),
      close: async () => {},
    };
    const Dtls = active ? werift.DtlsClient : werift.DtlsServer;
    const dtls = new Dtls({
      cert: certificate.certPem,
      key: certificate.keyPem,
      signatureHash: certificate.signatureHash as { hash: 4; signature: 3 }, // SHA-256 and ECDSA, as werift made it
      // werift's own interface; what it calls is `send` and `onData`.
      transport: this.#transport as unknown as NonNullable<ConstructorParameters<typeof Dtls>[0]>['transport'],
      srtpProfiles: [...options.profiles],
      extendedMasterSecret: true,
      certificateRequest: !active,
    });
    this.#dtls = dtls;
    this.#inbound = new DtlsInbound(
      (record) => this.#transport.onData(record, ['', 0]),
      (record) => options.onAlert(record),
      () => options.onDropped(),
    );
    if (active) this.#inbound.release();
    this.#verifyBeforeWerift(dtls);
    dtls.onError.subscribe((error) => {
      if (this.#state !== 'ready') this.#fail(`DTLS: ${describe(error)}`);
    });
    dtls.onConnect.once(() => this.#connected(dtls));
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    if (this.#dtls === undefined || !('connect' in this.#dtls)) return;
    this.#dtls.connect().catch((error: unknown) => {
      if (this.#state === 'started') this.#fail(`DTLS: ${describe(error)}`);
    });
  }

  onDatagram(datagram: Buffer): void {
    if (this.#state === 'ended' || this.#dtls === undefined) return;
    this.#inbound.feed(datagram);
  }

  /** werift has timers of its own. */
  tick(): void {}

  release(): void {
    this.#detach();
  }

  close(): void {
    this.#state = 'ended';
    this.#detach();
  }

  /**
   * werift repeats records under their old numbers; peers take them for replays, a ChangeCipherSpec that came too early
   * too, and never come up (RFC 6347 §4.2.4). The numbers of encrypted ones are not ours to change. A server's are those
   * of the hellos that it answers (§4.2.1).
   */
  #send(datagram: Buffer): void {
    for (let at = 0; this.#options.active && at + RECORD_HEADER_BYTES <= datagram.length; ) {
      if (datagram.readUInt16BE(at + 3) === 0) datagram.writeUIntBE(this.#plaintextRecords++, at + 5, 6);
      at += RECORD_HEADER_BYTES + datagram.readUInt16BE(at + 11);
    }
    this.#options.send(datagram);
  }

  /** Checks run on each message before werift acts on it. */
  #verifyBeforeWerift(dtls: DtlsServer | DtlsClient): void {
    const verifier = new PeerVerifier(this.#options.fingerprint, this.#options.active, {
      transcript: (before) => {
        const messages: Buffer[] = [];
        for (const message of dtls.dtls.sortedHandshakeCache) {
          if (message.msg_type === before) break;
          messages.push(message.serialize());
        }
        return Buffer.concat(messages);
      },
      get masterSecret() {
        return dtls.cipher.masterSecret;
      },
      get clientAndServerRandom() {
        return Buffer.concat([dtls.cipher.localRandom.serialize(), dtls.cipher.remoteRandom.serialize()]);
      },
    });
    const handle = dtls.onHandleHandshakes;
    dtls.onHandleHandshakes = async (messages) => {
      for (const message of messages) {
        if (this.#state === 'ended') return;
        const refusal = verifier.check({ type: message.msg_type, body: message.fragment });
        if (refusal !== undefined) {
          this.#fail(refusal);
          return;
        }
        const handled = handle([message]);
        // The peer is authenticated: its encrypted Finished may come.
        if (message.msg_type === CERTIFICATE_VERIFY) this.#inbound.release();
        await handled;
      }
    };
  }

  #connected(dtls: DtlsServer | DtlsClient): void {
    if (this.#state === 'ended' || this.#state === 'ready') return;
    const profile = dtls.srtp.srtpProfile;
    if (profile !== 1 && profile !== 7) {
      this.#fail('no SRTP profile in common');
      return;
    }
    this.#state = 'ready';
    this.#inbound.seal();
    const keys = dtls.extractSessionKeys(werift.keyLength(profile), werift.saltLength(profile));
    const record = dtls.cipher.cipher;
    const client = { key: record.clientWriteKey, iv: record.clientNonce };
    const server = { key: record.serverWriteKey, iv: record.serverNonce };
    const [own, peer] = this.#options.active ? [client, server] : [server, client];
    this.#options.onReady({
      profile,
      localKey: base64(keys.localKey),
      localSalt: base64(keys.localSalt),
      remoteKey: base64(keys.remoteKey),
      remoteSalt: base64(keys.remoteSalt),
      alert: {
        peerKey: base64(peer.key),
        peerIv: base64(peer.iv?.subarray(0, GCM_IV_BYTES)),
        ownKey: base64(own.key),
        ownIv: base64(own.iv?.subarray(0, GCM_IV_BYTES)),
      },
    });
  }

  #fail(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#detach();
    this.#options.onFail(reason);
  }

  /** werift's flight timers would run for half a minute: they must find nothing to send, with or for. */
  #detach(): void {
    if (this.#dtls !== undefined) this.#dtls.dtls.flight = LAST_FLIGHT;
    this.#dtls = undefined;
    this.#transport.onData = () => {};
    if (this.#state === 'ended') this.#transport.send = async () => {};
  }
}

/** werift also throws strings, and errors without a message. */
function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)) || 'the handshake failed';
}

function base64(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) throw new Error('werift finished a handshake without keys');
  return Buffer.from(bytes).toString('base64');
}
