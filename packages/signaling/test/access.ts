import type { AccessRequest } from '../src/auth/access-request.ts';

/** A request of this host without credentials, but for what is given. */
export function accessTo(more: Partial<AccessRequest>): AccessRequest {
  return {
    action: 'api',
    path: undefined,
    ip: '127.0.0.1',
    protocol: 'http',
    credentials: undefined,
    query: '',
    userAgent: '',
    ...more,
  };
}
