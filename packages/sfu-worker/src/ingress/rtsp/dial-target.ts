import type { AllowsAddress } from '@shardcast/shared';

/** Whom to connect to. */
export type DialTarget = {
  /** A name or an IP literal. */
  readonly host: string;
  readonly port: number;
  readonly allows: AllowsAddress;
  /** Over TLS. */
  readonly tls?: {
    /** SHA-256 of the certificate, lower-case hex; empty to have it verified by the system's authorities. */
    readonly fingerprint: string;
  };
};

/** Why a connection is refused before it is tried. */
export const NOT_ALLOWED = 'the address is outside sourceNetworks';
