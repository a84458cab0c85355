import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** Asked about every address, as it is connected to: a name may stand for another a moment later. */
export type AllowsAddress = (address: string) => boolean;

/** True for a literal that may not be connected to; a name is looked at when it is resolved, by `allowedLookup`. */
export function isRefusedLiteral(host: string, allows: AllowsAddress): boolean {
  return isIP(host) !== 0 && !allows(host);
}

/**
 * The system's resolver, less the addresses that may not be connected to. Whatever spells an address, it is one here.
 * @param refusal what it fails with when none is left
 */
export function allowedLookup(allows: AllowsAddress, refusal: string): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found: LookupAddress[] = []) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const allowed = found.filter(({ address }) => allows(address));
      const [first] = allowed;
      if (first === undefined) callback(new Error(refusal), '');
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
