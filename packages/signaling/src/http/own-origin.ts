import type { IncomingMessage } from 'node:http';
import { ShardcastError } from '@shardcast/shared';
import type { RequestHandler } from 'express';

/**
 * Lets pass what a page of this very origin asks for. A browser adds its user's password to requests of other sites'
 * pages too, so that a password alone does not show who wants it. What changes something must come from our page;
 * reading may also be asked for by hand (an address typed in, a program that is no browser).
 */
export const ownOriginOnly: RequestHandler = (req, _res, next) => {
  const isReading = req.method === 'GET' || req.method === 'HEAD';
  if (isFromOwnPage(req) ?? isReading) next();
  else next(new ShardcastError('FORBIDDEN', 'only from the dashboard itself; programs use apiAddress'));
};

/** Undefined when the request does not say what page it is from. */
function isFromOwnPage({ headers }: IncomingMessage): boolean | undefined {
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin') return true;
  if (site !== undefined && site !== 'none') return false;
  const { origin, host } = headers;
  if (origin === undefined) return undefined;
  // By host: a proxy may have taken TLS off.
  return URL.canParse(origin) && new URL(origin).host === host;
}
