import type { SessionKeys } from '@shardcast/shared';
import type { SrtpProfile } from '../srtp/session-keys.ts';
import type { Fingerprint } from './peer-verifier.ts';

export type SecureChannelOptions = {
  /** We are the DTLS client (the offer said `setup:passive`). */
  readonly active: boolean;
  /** SRTP profiles, best first. */
  readonly profiles: readonly SrtpProfile[];
  /** The peer's, from its SDP. */
  readonly fingerprint: Fingerprint;
  readonly send: (datagram: Buffer) => void;
  readonly onReady: (keys: SessionKeys) => void;
  readonly onFail: (reason: string) => void;
  /** An alert record of epoch 1, still encrypted. */
  readonly onAlert: (record: Buffer) => void;
  /** A record or a message was refused. */
  readonly onDropped: () => void;
};

/**
 * The DTLS handshake of one session. The peer is authenticated by its fingerprint and its signature before our Finished
 * goes out (RFC 5763). After `onReady` it only answers a peer that asks for the last flight again.
 */
export interface SecureChannel {
  /** The peer's address is known. As DTLS client, begins; as server, waits for the ClientHello. Idempotent. */
  start(): void;
  /** Takes a datagram, which is the channel's from here on. */
  onDatagram(datagram: Buffer): void;
  /** Some time went by: repeats a flight whose time has come. The worker's timer calls it a few times a second. */
  tick(): void;
  /** The peer has all it needs: lets the handshake's state go. */
  release(): void;
  /** Lets it go at once; nothing is sent or called back any more. Idempotent. */
  close(): void;
}

/** Who does handshakes in a worker: one implementation for all its sessions, with one certificate. */
export interface DtlsEngine {
  readonly name: 'werift' | 'openssl';
  open(options: SecureChannelOptions): SecureChannel;
}
