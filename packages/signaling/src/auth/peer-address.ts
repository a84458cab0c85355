import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP } from 'node:net';
import { isInNetworks, plainAddress } from '@shardcast/shared';

type Peer = {
  readonly ip: string;
  /** A proxy passed the request on, and who is behind it is not known. */
  readonly isForwarded: boolean;
};

/** Any of these shows a proxy, whichever of them it is set up to send. */
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'true-client-ip',
  'cf-connecting-ip',
];

const resolved = new WeakMap<IncomingMessage, Peer>();

/** From here on the request is that of the client behind proxies which are trusted to say so in `X-Forwarded-For`. */
export function trustProxies(request: IncomingMessage, trusted: BlockList): void {
  resolved.set(request, resolve(request, trusted));
}

/** The client's address; IPv4 addresses without their IPv6 prefix, empty when it is gone. */
export function peerAddress(request: IncomingMessage): string {
  return peerOf(request).ip;
}

/** The address is a proxy's, and the client's is not known. */
export function isForwarded(request: IncomingMessage): boolean {
  return peerOf(request).isForwarded;
}

function peerOf(request: IncomingMessage): Peer {
  return resolved.get(request) ?? { ip: socketAddress(request), isForwarded: hasForwarded(request) };
}

function resolve(request: IncomingMessage, trusted: BlockList): Peer {
  let ip = socketAddress(request);
  if (!hasForwarded(request)) return { ip, isForwarded: false };
  if (!isInNetworks(trusted, ip)) return { ip, isForwarded: true };
  const header = request.headers['x-forwarded-for'];
  const hops = (typeof header === 'string' ? header : (header ?? []).join(',')).split(',').map(plainHop);
  // Each proxy adds whom it saw at the end: the first one from there that is no proxy of ours is the client.
  for (const hop of hops.toReversed()) {
    if (isIP(hop) === 0) return { ip, isForwarded: true };
    ip = hop;
    if (!isInNetworks(trusted, hop)) break;
  }
  return { ip, isForwarded: false };
}

function socketAddress(request: IncomingMessage): string {
  return plainAddress(request.socket.remoteAddress);
}

function hasForwarded({ headers }: IncomingMessage): boolean {
  return FORWARDED.some((name) => headers[name] !== undefined);
}

/** `192.0.2.1:5000` and `[2001:db8::1]:5000` are written by some. */
function plainHop(text: string): string {
  const hop = text.trim();
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1];
  return plainAddress(bracketed ?? (/^[\d.]+:\d+$/.test(hop) ? hop.replace(/:\d+$/, '') : hop));
}
