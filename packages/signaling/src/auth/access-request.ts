import type { IncomingMessage } from 'node:http';
import { type Credentials, credentialsOf, queryOf } from './credentials.ts';
import { isForwarded, peerAddress } from './peer-address.ts';

export type Action = 'publish' | 'read' | 'api' | 'metrics' | 'pprof';

/** Who asks for what. Every door fills it in and asks `Authorise`: HTTP, WebSocket, RTSP, API, metrics. */
export type AccessRequest = {
  readonly action: Action;
  /** Undefined for actions that are not about a path. */
  readonly path: string | undefined;
  /** The peer's address, as `peerAddress` writes it. */
  readonly ip: string;
  readonly protocol: 'webrtc' | 'websocket' | 'rtsp' | 'http';
  /** Undefined when the client gave none. */
  readonly credentials: Credentials | undefined;
  /** Of the URL, without its question mark. May hold secrets. */
  readonly query: string;
  readonly userAgent: string;
  /** Present for HTTP requests: what a browser or a proxy says of itself. */
  readonly http?: {
    readonly host: string | undefined;
    readonly origin: string | undefined;
    /** A proxy passed it on, so that `ip` is the proxy's. */
    readonly isForwarded: boolean;
  };
  /** Only whether to show a name in a list: an answer of a moment ago will do. */
  readonly isListing?: boolean;
};

/** What an HTTP request says of its sender. */
export function accessRequest(
  request: IncomingMessage,
  action: Action,
  path: string | undefined,
  protocol: AccessRequest['protocol'],
): AccessRequest {
  const { headers } = request;
  const query = queryOf(request);
  return {
    action,
    path,
    ip: peerAddress(request),
    protocol,
    credentials: credentialsOf(request),
    query,
    userAgent: headers['user-agent'] ?? '',
    http: {
      host: headers.host,
      origin: headers.origin,
      isForwarded: isForwarded(request),
    },
  };
}
