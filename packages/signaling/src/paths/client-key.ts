import { isIP } from 'node:net';

/**
 * What limits are counted by: an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one has all of
 * its network (RFC 6177 §2).
 * @param remoteAddr an address, also with a port: `192.0.2.1`, `192.0.2.1:5000`, `2001:db8::1`, `[2001:db8::1]:5000`
 * @returns undefined for this host itself, and for what is no address
 */
export function clientKey(remoteAddr: string): string | undefined {
  const bracketed = /^\[(.+)\](?::\d+)?$/.exec(remoteAddr)?.[1];
  const host = bracketed ?? (remoteAddr.includes('.') ? remoteAddr.replace(/:\d+$/, '') : remoteAddr);
  const address = host.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''); // a mapped IPv4 address; a zone
  const family = isIP(address);
  if (family === 4) return address.startsWith('127.') ? undefined : address;
  if (family === 0 || address === '::1') return undefined;
  const [left = '', right] = address.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
