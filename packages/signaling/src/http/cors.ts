import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The value for `Access-Control-Allow-Origin`, or undefined when `origin` is not in the list. Entries are origins,
 * `https://*.example.com` for the subdomains, or `*`.
 */
export function allowedOrigin(allowed: readonly string[], origin: string | undefined): string | undefined {
  if (allowed.includes('*')) return '*';
  if (origin === undefined) return undefined;
  return allowed.some((entry) => matches(entry, origin)) ? origin : undefined;
}

function matches(entry: string, origin: string): boolean {
  const [scheme, domain, ...more] = entry.split('*.');
  if (scheme === undefined || domain === undefined || more.length > 0) return entry === origin;
  return (
    origin.startsWith(scheme) && origin.endsWith(`.${domain}`) && origin.length > scheme.length + domain.length + 1
  );
}

/** Headers for scripts of other origins. No credentials: nothing here relies on cookies. */
export function setCorsHeaders(
  req: IncomingMessage,
  res: ServerResponse,
  allowed: readonly string[],
  methods: string,
): void {
  if (!allowed.includes('*')) res.appendHeader('Vary', 'Origin');
  const origin = allowedOrigin(allowed, req.headers.origin);
  if (origin === undefined) return;
  res.setHeader('Access-Control-Allow-Origin', origin);
  res.setHeader('Access-Control-Expose-Headers', 'Location, Link, ETag, Accept-Patch, Accept-Post, ID, Retry-After');
  if (req.method === 'OPTIONS') {
    res.setHeader('Access-Control-Allow-Methods', methods);
    res.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type, If-Match');
    res.setHeader('Access-Control-Max-Age', '600');
  }
}
