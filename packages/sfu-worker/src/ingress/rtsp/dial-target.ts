import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** Whom to connect to. */
export type DialTarget = {
  /** A name or an IP literal. */
  readonly host: string;
  readonly port: number;
  /** Asked about every address, as it is connected to: a name may stand for another a moment later. */
  readonly allows: (address: string) => boolean;
  /** Over TLS. */
  readonly tls?: {
    /** SHA-256 of the certificate, lower-case hex; empty to have it verified by the system's authorities. */
    readonly fingerprint: string;
  };
};

/** Why a connection is refused before it is tried. */
export const NOT_ALLOWED = 'the address is outside sourceNetworks';

/** True for a literal that may not be connected to; a name is looked at when it is resolved. */
export function isRefusedLiteral({ host, allows }: DialTarget): boolean {
  return isIP(host) !== 0 && !allows(host);
}

/** The system's resolver, less the addresses that may not be connected to. Whatever spells an address, it is one here. */
export function allowedLookup({ allows }: DialTarget): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found: LookupAddress[] = []) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const allowed = found.filter(({ address }) => allows(address));
      const [first] = allowed;
      if (first === undefined) callback(new Error(NOT_ALLOWED), '');
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
