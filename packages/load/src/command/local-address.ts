import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { RefusedError, reachability } from '../traffic/signalling.ts';

/** Where viewers bind, and what they offer. */
export type LocalAddress = { readonly bindAddress: string; readonly localAddress: string };

/** Discard (RFC 863): nothing is sent to it. */
const ANY_PORT = 9;

/**
 * The address of this machine from which a server is reached.
 * @param url of the server
 * @throws RefusedError for a host that is not known
 */
export async function localAddressTo(url: string): Promise<LocalAddress> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  let found: { address: string; family: number };
  try {
    found = await lookup(host);
  } catch (error) {
    throw new RefusedError(`${host} ${reachability(error)}`, 0, { cause: error });
  }
  const isIpv6 = found.family === 6;
  const socket = createSocket(isIpv6 ? 'udp6' : 'udp4');
  try {
    // Which sends nothing: the system only chooses the way.
    socket.connect(ANY_PORT, found.address);
    await once(socket, 'connect');
    return { bindAddress: isIpv6 ? '::' : '0.0.0.0', localAddress: socket.address().address };
  } catch (error) {
    throw new RefusedError(`${host} ${reachability(error)}`, 0, { cause: error });
  } finally {
    socket.close();
  }
}
