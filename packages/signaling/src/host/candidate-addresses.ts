import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Config } from '@shardcast/shared/config';

type CandidateConfig = Pick<
  Config,
  'webrtcIPsFromInterfaces' | 'webrtcIPsFromInterfacesList' | 'webrtcAdditionalHosts'
>;

/**
 * What the answers offer as host candidates, best first: the configured hosts, then this host's own addresses, IPv4
 * before IPv6, loopback last (some clients never check it). Host names are resolved once, at start.
 */
export async function candidateAddresses(
  config: CandidateConfig,
  interfaces: typeof networkInterfaces = networkInterfaces,
): Promise<string[]> {
  const addresses: string[] = [];
  for (const host of config.webrtcAdditionalHosts) {
    if (isIP(host) !== 0) addresses.push(host);
    else addresses.push(...(await lookup(host, { all: true })).map(({ address }) => address));
  }
  if (config.webrtcIPsFromInterfaces) {
    const wanted = config.webrtcIPsFromInterfacesList;
    const own = Object.entries(interfaces())
      .filter(([name]) => wanted.length === 0 || wanted.includes(name))
      .flatMap(([, each]) => each ?? [])
      .filter(({ family, address }) => family === 'IPv4' || !address.startsWith('fe80:')); // link-local needs a zone
    const rank = ({ internal, family }: { internal: boolean; family: string }) =>
      (internal ? 2 : 0) + (family === 'IPv6' ? 1 : 0);
    addresses.push(...own.sort((a, b) => rank(a) - rank(b)).map(({ address }) => address));
  }
  const unique = [...new Set(addresses)];
  return unique.length === 0 ? ['127.0.0.1'] : unique;
}
