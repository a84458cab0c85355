import type { SessionKeys } from '@shardcast/shared';
import { DtlsClient, DtlsServer } from 'werift';
import { type Certificate, makeCertificate } from '../../src/session/dtls/certificate.ts';
import type { DtlsEngine, SecureChannel } from '../../src/session/dtls/secure-channel.ts';
import { selectDtlsEngine } from '../../src/session/dtls/select.ts';
import type { SrtpProfile } from '../../src/session/srtp/session-keys.ts';
import { records } from './dtls-records.ts';

export type Identity = Pick<Certificate, 'certPem' | 'keyPem' | 'signatureHash'>;

type Outcome = { readonly keys: SessionKeys } | { readonly refusal: string };

export type HandshakeOptions = {
  /** We are the DTLS client. */
  readonly active: boolean;
  readonly engine: DtlsEngine;
  /** Who the SDP says the peer is. */
  readonly expected: Certificate;
  /** What the peer really uses; `expected` unless given. */
  readonly peer?: Identity;
  readonly ourProfiles?: readonly SrtpProfile[];
  readonly peerProfiles?: readonly SrtpProfile[];
  /** Changes the stock peer before it begins. */
  readonly spoil?: (peer: DtlsClient | DtlsServer) => void;
  /** False loses a datagram; `n` counts those of this direction from 0. */
  readonly passes?: (from: 'us' | 'peer', datagram: Buffer, n: number) => boolean;
};

/** A stock werift DTLS peer and our channel, joined in memory; each datagram is delivered in its own turn of the loop. */
export class Handshake {
  readonly channel: SecureChannel;
  readonly peer: DtlsClient | DtlsServer;
  /** What we sent, whether it arrived or not. */
  readonly sent: Buffer[] = [];
  readonly alerts: Buffer[] = [];
  /** Records and messages that our side refused. */
  dropped = 0;
  readonly outcome: Promise<Outcome>;
  readonly peerConnected: Promise<void>;
  readonly #passes: NonNullable<HandshakeOptions['passes']>;
  #fromPeer = 0;

  static async prepare(
    dtls: DtlsEngine['name'],
  ): Promise<{ engine: DtlsEngine; ours: Certificate; theirs: Certificate }> {
    const ours = await makeCertificate();
    return { engine: await selectDtlsEngine({ dtls, certificate: ours }), ours, theirs: await makeCertificate() };
  }

  constructor(options: HandshakeOptions) {
    const { active, engine, expected } = options;
    this.#passes = options.passes ?? (() => true);
    const { certPem, keyPem, signatureHash } = options.peer ?? expected;
    const transport = {
      type: 'test',
      address: { address: '', family: 'IPv4', port: 0 },
      closed: false,
      onData: (_data: Buffer) => {},
      send: async (data: Buffer) => {
        if (!this.#passes('peer', data, this.#fromPeer++)) return;
        setImmediate(() => this.channel.onDatagram(Buffer.from(data)));
      },
      close: async () => {},
    };
    const Peer = active ? DtlsServer : DtlsClient;
    this.peer = new Peer({
      cert: certPem,
      key: keyPem,
      // werift names the numbers; ours are plain.
      signatureHash: signatureHash as { hash: 4; signature: 3 },
      transport: transport as unknown as ConstructorParameters<typeof Peer>[0]['transport'],
      srtpProfiles: [...(options.peerProfiles ?? [7, 1])],
      extendedMasterSecret: true,
      certificateRequest: active,
    });
    this.peerConnected = new Promise((resolve) => {
      this.peer.onConnect.once(() => resolve());
    });
    options.spoil?.(this.peer);
    let settle: (outcome: Outcome) => void = () => {};
    this.outcome = new Promise((resolve) => {
      settle = resolve;
    });
    this.channel = engine.open({
      active,
      profiles: options.ourProfiles ?? [7, 1],
      fingerprint: { hash: 'sha-256', value: expected.fingerprint },
      send: (record) => {
        const n = this.sent.push(Buffer.from(record)) - 1;
        if (!this.#passes('us', record, n)) return;
        setImmediate(() => transport.onData(Buffer.from(record)));
      },
      onReady: (keys) => settle({ keys }),
      onFail: (refusal) => settle({ refusal }),
      onAlert: (record) => this.alerts.push(Buffer.from(record)),
      onDropped: () => this.dropped++,
    });
  }

  /** Begins on whichever side is the client. */
  start(): this {
    this.channel.start();
    // Errors of the spoilt peer are not ours.
    if ('connect' in this.peer) this.peer.connect().catch(() => {});
    return this;
  }

  /** Our encrypted records: there are none before our Finished. */
  get sentEncrypted(): number {
    return this.sent.flatMap(records).filter((record) => record.readUInt16BE(3) > 0).length;
  }
}
