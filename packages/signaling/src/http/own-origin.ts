import type { IncomingMessage } from 'node:http';
import { ShardcastError } from '@shardcast/shared';
import type { RequestHandler } from 'express';

/**
 * Lets pass what a page of this very origin asks for. A browser adds its user's password to requests of other sites'
 * pages too, so that a password alone does not show who wants it. What changes something must come from our page;
 * reading may also be asked for by hand (an address typed in, a program that is no browser).
 */
export const ownOriginOnly: RequestHandler = (req, _res, next) => {
  if (isFromOwnPage(req) ?? isReading(req)) next();
  else next(new ShardcastError('FORBIDDEN', 'only from the dashboard itself; programs use apiAddress'));
};

/**
 * Keeps the pages of other sites out, whose requests come with a browser's passwords and from its address. Programs do not
 * say what page they are, and pass; so does a reader who follows a link here.
 */
export const noForeignPages: RequestHandler = (req, _res, next) => {
  const { 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = req.headers;
  const isFollowed = isReading(req) && mode === 'navigate' && destination === 'document';
  if (isFromOwnPage(req) !== false || isFollowed) next();
  else next(new ShardcastError('FORBIDDEN', 'not from a page of another origin'));
};

function isReading({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Undefined when the request does not say what page it is from. */
export function isFromOwnPage({ headers }: IncomingMessage): boolean | undefined {
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin') return true;
  if (site !== undefined && site !== 'none') return false;
  const { origin, host } = headers;
  if (origin === undefined) return undefined;
  // By host: a proxy may have taken TLS off.
  return URL.canParse(origin) && new URL(origin).host === host;
}
