import { watchJanus } from './janus-client.ts';
import { describePeer } from './peer-description.ts';
import type { PeerSocket } from './peer-socket.ts';

/** The other side's description, and how to end the session. */
export type Introduction = { readonly remote: string; readonly hangUp: () => Promise<void> };

/**
 * Gets a viewer known to a server.
 * @param url a WHEP endpoint, or `janus+http://host:port/janus#mountpoint`
 */
export async function introduce(url: string, peer: PeerSocket): Promise<Introduction> {
  if (url.startsWith('janus+')) return watchJanus(new URL(url.slice('janus+'.length)), peer);
  return exchange(url, describePeer(peer, 'recvonly', 'actpass'));
}

/** WHIP and WHEP: an offer for an answer. */
export async function exchange(url: string, offer: string): Promise<Introduction> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: offer });
  const remote = await response.text();
  if (response.status !== 201) throw new Error(`${url}: ${response.status} ${remote}`);
  const location = response.headers.get('location');
  return {
    remote,
    hangUp: async () => {
      if (location !== null) await fetch(new URL(location, url), { method: 'DELETE' });
    },
  };
}

/** What a viewer binds: Janus offers no loopback candidates, so its viewers are at one of the machine's addresses. */
export function localAddressFor(url: string): string {
  return url.startsWith('janus+') ? '0.0.0.0' : '127.0.0.1';
}
