import { ShardcastError } from '@shardcast/shared';
import type { Express, Request, Response } from 'express';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import { bareApp } from '../http/app.ts';
import { noForeignPages } from '../http/own-origin.ts';
import { notFound, problemHandler } from '../http/problem.ts';
import type { Logger } from '../logging/logger.ts';
import type { Profiler } from './profiler.ts';

const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 300;
const CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const INDEX = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Shardcast profiles</title>
<link rel="icon" href="data:,">
<h1>Profiles</h1>
<ul>
<li><a href="profile?seconds=30">profile</a>: CPU of all threads for 30 seconds; <code>?seconds=</code> 1 to ${MAX_SECONDS}
<li><a href="heap">heap</a>: what is alive of the allocations that were sampled
<li><a href="workers">workers</a>: what each thread holds open
</ul>
<p><code>?worker=0</code> or <code>?worker=main</code> asks for one thread alone; else every sample has a label <code>thread</code>.
<pre>curl -o cpu.prof 'http://127.0.0.1:9999/debug/pprof/profile?seconds=60'
go tool pprof -top cpu.prof
go tool pprof -top -tagfocus=thread=worker-0 cpu.prof</pre>
</html>
`;

export type ProfilesAppOptions = {
  readonly profiler: Pick<Profiler, 'cpu' | 'heap' | 'inspect'>;
  readonly authorise: Authorise;
  readonly log: Logger;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[];
};

/** What `pprofAddress` serves: `/debug/pprof/…`. */
export function createProfilesApp({ profiler, authorise, log, trustedProxies = [] }: ProfilesAppOptions): Express {
  const app = bareApp(trustedProxies);
  app.use(noForeignPages);
  app.use(async function askWho(req, res, next) {
    await demand(authorise, accessRequest(req, 'pprof', undefined, 'http'));
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  });
  app.get('/debug/pprof/', (req, res) => {
    if (!req.path.endsWith('/')) {
      res.redirect(302, 'pprof/'); // relative addresses in the page want the slash
      return;
    }
    res.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    res.type('html').send(INDEX);
  });
  app.get('/debug/pprof/profile', async (req, res) => {
    const seconds = secondsOf(req);
    const thread = threadOf(req);
    res.setTimeout((seconds + DEFAULT_SECONDS) * 1000); // nothing is sent meanwhile
    const gone = new AbortController();
    res.on('close', () => gone.abort());
    const file = await profiler.cpu(thread, seconds, gone.signal);
    if (file !== undefined) sendProfile(res, 'cpu.prof', file);
  });
  app.get('/debug/pprof/heap', async (req, res) => {
    sendProfile(res, 'heap.prof', await profiler.heap(threadOf(req)));
  });
  app.get('/debug/pprof/workers', async (_req, res) => {
    res.json({ items: await profiler.inspect() });
  });
  app.use(notFound);
  app.use(problemHandler(log));
  return app;
}

function sendProfile(res: Response, name: string, file: Buffer): void {
  res.setHeader('Content-Type', 'application/octet-stream');
  res.setHeader('Content-Disposition', `attachment; filename="${name}"`);
  res.end(file);
}

function secondsOf({ query }: Request): number {
  const text = query['seconds'] ?? String(DEFAULT_SECONDS);
  const seconds = typeof text === 'string' && /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > MAX_SECONDS)
    throw new ShardcastError('BAD_REQUEST', `seconds must be a number from 1 to ${MAX_SECONDS}`);
  return seconds;
}

/** `worker=2`, `worker=main`; undefined for all. */
function threadOf({ query }: Request): string | undefined {
  const worker = query['worker'];
  if (worker === undefined) return undefined;
  if (typeof worker !== 'string' || !/^(?:main|\d{1,4})$/.test(worker))
    throw new ShardcastError('BAD_REQUEST', 'worker must be a number or main');
  return worker === 'main' ? worker : `worker-${worker}`;
}
