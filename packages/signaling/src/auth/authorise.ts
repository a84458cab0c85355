import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ShardcastError } from '@shardcast/shared';

export type Action = 'publish' | 'read' | 'api' | 'metrics' | 'pprof';

/** Who asks for what. Every door fills it in and asks `Authorise`: HTTP, WebSocket, RTSP, API, metrics. */
export type AccessRequest = {
  readonly action: Action;
  /** Undefined for actions that are not about a path. */
  readonly path: string | undefined;
  /** The peer's address, as `peerAddress` writes it. */
  readonly ip: string;
  readonly protocol: 'webrtc' | 'websocket' | 'rtsp' | 'http';
  /** Present for HTTP requests: what a browser or a proxy says of itself. */
  readonly http?: {
    readonly host: string | undefined;
    readonly origin: string | undefined;
    /** A proxy passed it on, so that `ip` is the proxy's. */
    readonly isForwarded: boolean;
  };
};

export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN'; readonly reason: string };

/** The one place that says yes or no; a promise, because a later one may ask elsewhere. */
export type Authorise = (request: AccessRequest) => Promise<Decision>;

/**
 * MediaMTX's defaults: everyone publishes and reads; API, metrics and profiles answer this host only. "This host" is
 * strict about browsers, since pages from elsewhere run on it too: the name must be local (DNS rebinding) and so must the
 * page (CSRF), and what came through a proxy is not local.
 */
export const authorise: Authorise = async (request) => {
  if (request.action === 'publish' || request.action === 'read') return { allowed: true };
  const { ip, http } = request;
  const isLocal =
    isLoopback(ip) &&
    (http === undefined ||
      (!http.isForwarded &&
        (http.host === undefined || isLocalName(http.host)) &&
        (http.origin === undefined || isLocalOrigin(http.origin))));
  return isLocal ? { allowed: true } : { allowed: false, code: 'FORBIDDEN', reason: 'only from the same host' };
};

/** @throws ShardcastError UNAUTHENTICATED or FORBIDDEN */
export async function demand(authorise: Authorise, request: AccessRequest): Promise<void> {
  const decision = await authorise(request);
  if (!decision.allowed) throw new ShardcastError(decision.code, decision.reason);
}

/** What an HTTP request says of its sender. */
export function accessRequest(
  request: IncomingMessage,
  action: Action,
  path: string | undefined,
  protocol: AccessRequest['protocol'],
): AccessRequest {
  const { headers } = request;
  return {
    action,
    path,
    ip: peerAddress(request),
    protocol,
    http: {
      host: headers.host,
      origin: headers.origin,
      isForwarded: headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined,
    },
  };
}

/** The peer's address; IPv4 addresses of a dual-stack socket without their IPv6 prefix, empty when it is gone. */
export function peerAddress(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
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
