import type { SrtpProfile } from '../srtp/session-keys.ts';

/** `DtlsHandshake::State` in the addon. */
export const HANDSHAKE = { HANDSHAKING: 0, CONNECTED: 1, FAILED: 2, FREED: 3 } as const;

/** The addon's DTLS (native/src/dtls_object.cc). */
export interface NativeDtls {
  /** Our certificate, for all handshakes of a thread. @throws TypeError when it is none, or the key is another's */
  readonly DtlsContext: new (
    certificatePem: string,
    keyPem: string,
  ) => NativeDtlsContext;
  /** @throws TypeError for arguments of another shape */
  readonly DtlsHandshake: new (
    context: NativeDtlsContext,
    isServer: boolean,
    profiles: readonly SrtpProfile[],
    hash: string,
    digest: Uint8Array,
  ) => NativeDtlsHandshake;
  /** The OpenSSL whose headers it was built with. */
  readonly openSslMajor: number;
}

/** Opaque: only handshakes take it. */
export type NativeDtlsContext = object;

/** One handshake, 70 kB until `free`. What it returns as a number is of `HANDSHAKE`. */
export interface NativeDtlsHandshake {
  /** As client, says hello. */
  start(): number;
  /** Takes records, bytes[start, end), borrowed for the call. */
  feed(bytes: Uint8Array, start: number, end: number): number;
  /** Repeats the last flight when its time has come. */
  tick(): number;
  /** The next datagram to send. */
  take(): Buffer | undefined;
  /** Once, when connected: what outlives it. */
  keys(): NativeDtlsKeys | undefined;
  /** Why it failed. */
  reason(): string;
  free(): void;
}

export type NativeDtlsKeys = {
  readonly profile: SrtpProfile;
  readonly localKey: Buffer;
  readonly localSalt: Buffer;
  readonly remoteKey: Buffer;
  readonly remoteSalt: Buffer;
  /** The peer's record key and the fixed part of its nonce. */
  readonly peerKey: Buffer;
  readonly peerIv: Buffer;
  /** Our close_notify, ready to be sent as often as wanted. */
  readonly goodbye: Buffer;
};
