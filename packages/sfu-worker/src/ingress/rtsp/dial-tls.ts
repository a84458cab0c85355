import { timingSafeEqual } from 'node:crypto';
import { isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect, TLSSocket } from 'node:tls';

/** Connects over TLS 1.2 or newer. The certificate is looked at by `certificateFault`, before anything is sent. */
export function dialTls(options: TcpNetConnectOpts): TLSSocket {
  const { host = '' } = options;
  // A refused certificate is to be named, so that it can be pinned: the handshake alone must not end by it.
  return connect({ ...options, ...(isIP(host) === 0 ? { servername: host } : {}), rejectUnauthorized: false });
}

/**
 * Why the peer is not who it should be; undefined when it is.
 * @param fingerprint as in `DialTarget`
 */
export function certificateFault(socket: Socket, fingerprint: string): string | undefined {
  if (!(socket instanceof TLSSocket)) return 'the connection is not encrypted';
  const shown = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase();
  if (shown === undefined) return 'the camera showed no certificate';
  if (fingerprint !== '')
    return isSame(shown, fingerprint) ? undefined : 'the certificate is not the one of sourceFingerprint';
  if (socket.authorized) return undefined;
  return `the certificate is not trusted (${reasonOf(socket.authorizationError)}); sourceFingerprint: ${shown} would accept it`;
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** Node says it by a code, typed as an error. */
function reasonOf(error: Error | string | null): string {
  if (error instanceof Error) return 'code' in error ? String(error.code) : error.message;
  return error ?? 'unknown';
}
