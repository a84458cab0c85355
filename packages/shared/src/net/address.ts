import { isIP } from 'node:net';

/** Where to listen. `host` is undefined for every interface; IPv6 literals are without brackets. */
export type ListenAddress = { readonly host: string | undefined; readonly port: number };

/** Reads `:8889`, `host:8889`, `127.0.0.1:1` or `[::]:1`; undefined when it is none of them. Port 0 lets the system choose. */
export function parseAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65535) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  return { host: plain === '' ? undefined : plain, port };
}

/** The inverse of `parseAddress`. */
export function formatAddress({ host, port }: ListenAddress): string {
  if (host === undefined) return `:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `::ffff:192.0.2.1` as `192.0.2.1`; anything else as it is. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
