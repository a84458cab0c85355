import express, { type Express, type Response, type Router } from 'express';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import { escapeHtml } from '../http/html.ts';
import { ownOriginOnly } from '../http/own-origin.ts';
import type { DashboardFiles } from './files.ts';

export type DashboardOptions = {
  readonly authorise: Authorise;
  /** Undefined when it is not built. */
  readonly files: DashboardFiles | undefined;
  /** Serves `/v3/…`. */
  readonly api: Express;
  /** Serves `/debug/pprof/…`. */
  readonly profiles?: Express | undefined;
};

/** Everything from here, nothing inline; nobody may frame a page that has buttons such as these. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "media-src 'self' blob: mediastream:",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Shardcast</title>
<link rel="icon" href="data:,">
<h1>The dashboard is not built</h1>
<p>Run <code>npm run build</code>, which says why if it cannot, and start the server again. Everything else works.</p>
</html>
`;

/**
 * `/dashboard/`, and for its page, under the same origin, the API and the profiles. What it does not know goes on: a
 * stream may be called so, too.
 */
export function dashboard({ authorise, files, api, profiles }: DashboardOptions): Router {
  const router = express.Router();
  router.get('/', async (req, res) => {
    const [path = '', query] = req.originalUrl.split('?');
    if (!path.endsWith('/')) {
      res.redirect(302, `dashboard/${query === undefined ? '' : `?${query}`}`); // relative addresses want the slash
      return;
    }
    await demand(authorise, accessRequest(req, 'api', undefined, 'http'));
    setPageHeaders(res);
    res.setHeader('Cache-Control', 'no-cache');
    res.type('html').send(files === undefined ? NOT_BUILT : withQuery(files.page, query));
  });
  router.get('/assets/:file', async (req, res, next) => {
    const file = files?.assets.get(req.params.file);
    await demand(authorise, accessRequest(req, 'api', undefined, 'http'));
    if (file === undefined) {
      next();
      return;
    }
    setPageHeaders(res);
    res.setHeader('Content-Type', file.type);
    res.setHeader('Vary', 'Accept-Encoding');
    res.setHeader('Cache-Control', 'private, max-age=31536000, immutable'); // the name changes with the content
    if (req.acceptsEncodings('gzip') === 'gzip') {
      res.setHeader('Content-Encoding', 'gzip');
      res.end(file.gzip);
    } else res.end(file.body);
  });
  router.use('/api', ownOriginOnly, api);
  if (profiles !== undefined) router.all('/debug/*rest', ownOriginOnly, profiles);
  return router;
}

/** A page that was opened with a token in its address gets its scripts with it, too. */
function withQuery(page: string, query: string | undefined): string {
  if (query === undefined) return page;
  return page.replaceAll(
    /((?:src|href)="\.\/assets\/[^"?]+)"/g,
    (_all, head: string) => `${head}?${escapeHtml(query)}"`,
  );
}

function setPageHeaders(res: Response): void {
  res.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('X-Frame-Options', 'DENY');
  // A token in the query stays here.
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
}
