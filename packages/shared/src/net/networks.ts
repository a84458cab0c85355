import { BlockList, isIP } from 'node:net';

type Network = { readonly address: string; readonly bits: number; readonly family: 'ipv4' | 'ipv6' };

/** `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`; undefined when it is none of these. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return undefined;
  const most = version === 4 ? 32 : 128;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  return bits <= most ? { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined;
}

/** Addresses and networks that the schema has checked, to be asked for an address. */
export function networkList(networks: readonly string[]): BlockList {
  const found = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network !== undefined) found.addSubnet(network.address, network.bits, network.family);
  }
  return found;
}

/** True when an address is in the list. */
export function isInNetworks(networks: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
}
