import type { TlsOptions } from 'node:tls';

/** Of every TLS listener. A client that is slower than this with its handshake is not served; Node's own is 120 s. */
export const TLS = { minVersion: 'TLSv1.2', handshakeTimeout: 5000 } as const satisfies TlsOptions;
