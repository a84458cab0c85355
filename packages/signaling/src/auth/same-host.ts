import { isIP } from 'node:net';
import type { AccessRequest } from './access-request.ts';

/** The same host, and neither a page from elsewhere in its browser nor a proxy on it. */
export function isFromThisHost(request: Pick<AccessRequest, 'ip' | 'http'>): boolean {
  return isLoopback(request.ip) && isItsOwn(request);
}

/**
 * Whether the address speaks for whoever asks. Behind a proxy it does not. Of this host it does not for pages from
 * elsewhere, which run here too: the name must be local (DNS rebinding) and so must the page (CSRF).
 */
export function isItsOwn({ ip, http }: Pick<AccessRequest, 'ip' | 'http'>): boolean {
  if (http === undefined) return true;
  if (http.isForwarded) return false;
  if (!isLoopback(ip)) return true;
  return (
    (http.host === undefined || isLocalName(http.host)) && (http.origin === undefined || isLocalOrigin(http.origin))
  );
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || (isIP(ip) === 4 && ip.startsWith('127.'));
}

function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name.toLowerCase() === 'localhost' || isLoopback(name);
}

function isLocalOrigin(origin: string): boolean {
  return URL.canParse(origin) && isLocalName(new URL(origin).host);
}
