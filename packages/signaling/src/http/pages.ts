import { pathNameFault } from '@shardcast/shared/config';
import type { Request, RequestHandler, Response } from 'express';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import type { Media } from '../paths/media.ts';
import { CONTENT_SECURITY_POLICY, indexPage, playerOptions, playerPage, publisherPage } from './html.ts';
import { notFound, sendMethodNotAllowed } from './problem.ts';
import { checkPathName, decodedPath } from './request-path.ts';
import type { Scripts } from './scripts.ts';

export type PagesOptions = {
  readonly media: Pick<Media, 'paths'>;
  readonly authorise: Authorise;
  readonly scripts: Scripts;
};

/** `/`, `/{path}/` (player), `/{path}/publish`, and their scripts beside them, so that a page works behind any prefix. */
export function pages({ media, authorise, scripts }: PagesOptions): RequestHandler {
  async function index(req: Request, res: Response): Promise<void> {
    const names: string[] = [];
    for (const { name, online } of media.paths()) {
      if (!online) continue;
      if ((await authorise({ ...accessRequest(req, 'read', name, 'webrtc'), isListing: true })).allowed)
        names.push(name);
    }
    sendHtml(res, indexPage(names.sort()));
  }

  return async function pagesHandler(req, res, next) {
    const pathname = decodedPath(req.path);
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      sendMethodNotAllowed(res, 'GET, HEAD');
      return;
    }
    if (pathname === '/') {
      await index(req, res);
      return;
    }
    if (pathname === '/favicon.ico') {
      notFound(req, res, next);
      return;
    }

    const match = /^\/(?<path>.+)\/(?<file>[^/]*)$/.exec(pathname);
    const { path = '', file } = match?.groups ?? {};
    const query = req.url.split('?')[1];
    if (file === 'publish') {
      await demand(authorise, accessRequest(req, 'publish', checkPathName(path), 'webrtc'));
      sendHtml(res, publisherPage(path));
    } else if (file === '') {
      await demand(authorise, accessRequest(req, 'read', checkPathName(path), 'webrtc'));
      sendHtml(res, playerPage(path, playerOptions(new URLSearchParams(query))));
    } else if (file !== undefined && scripts.has(file) && pathNameFault(path) === undefined) {
      res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
      res.setHeader('Cache-Control', 'no-cache');
      res.setHeader('X-Content-Type-Options', 'nosniff');
      // So that a page elsewhere may import reader.js.
      res.setHeader('Access-Control-Allow-Origin', '*');
      res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
      res.end(scripts.get(file));
    } else {
      // A checked name cannot start with a slash, so this cannot lead to another host.
      const name = checkPathName(pathname.slice(1));
      res.redirect(302, `/${name}/${query === undefined ? '' : `?${query}`}`);
    }
  };
}

function sendHtml(res: Response, html: string): void {
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  res.setHeader('X-Content-Type-Options', 'nosniff');
  // A token in the query stays here.
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.end(html);
}
