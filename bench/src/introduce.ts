import { describePeer, exchange, type Introduction, type PeerSocket } from '@shardcast/load';
import { watchJanus } from './janus-client.ts';

/**
 * Gets a viewer known to a server.
 * @param url a WHEP endpoint, or `janus+http://host:port/janus#mountpoint`
 */
export async function introduce(url: string, peer: PeerSocket): Promise<Introduction> {
  if (url.startsWith('janus+')) return watchJanus(new URL(url.slice('janus+'.length)), peer);
  return exchange(url, describePeer(peer, 'recvonly', 'actpass'));
}

/** What a viewer binds: Janus offers no loopback candidates, so its viewers are at one of the machine's addresses. */
export function localAddressFor(url: string): string {
  return url.startsWith('janus+') ? '0.0.0.0' : '127.0.0.1';
}
