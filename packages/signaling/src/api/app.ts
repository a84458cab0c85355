import { ShardcastError } from '@shardcast/shared';
import type { Express } from 'express';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import { bareApp } from '../http/app.ts';
import { notFound, problemHandler, sendMethodNotAllowed } from '../http/problem.ts';
import { decodedPath } from '../http/request-path.ts';
import type { Logger } from '../logging/logger.ts';
import type { Media, SessionInfo, ShardView } from '../paths/media.ts';
import { paginate } from './page.ts';
import { pathShape, sessionShape, workerShape } from './shapes.ts';

export type ApiOptions = {
  readonly media: Pick<Media, 'paths' | 'path' | 'sessions'>;
  readonly shards: () => readonly ShardView[];
  readonly authorise: Authorise;
  readonly log: Logger;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[];
  readonly version: string;
  readonly startedAt: Date;
  /** Ends the session with that public id. @returns false when there is none. */
  readonly kick: (id: string) => Promise<boolean>;
  /** Replaces a worker; its streams are placed again. @returns false when there is no such worker. */
  readonly recycle: (worker: number) => Promise<boolean>;
};

/** What `apiAddress` serves: the parts of MediaMTX's `/v3/…` that Shardcast has, and `/v3/workers`. */
export function createApiApp(options: ApiOptions): Express {
  const { media, shards, authorise, log } = options;
  const app = bareApp(options.trustedProxies ?? []);
  app.use(async function askWho(req, res, next) {
    await demand(authorise, accessRequest(req, 'api', undefined, 'http'));
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  });

  app.get('/v3/info', (_req, res) => {
    res.json({ version: options.version, started: options.startedAt.toISOString() });
  });

  const shapePath = (info: Parameters<typeof pathShape>[0], sessions: readonly SessionInfo[]) => {
    const shard = shards().find(({ worker }) => worker === info.worker);
    return pathShape(info, sessions, shard?.telemetry);
  };
  app.get('/v3/paths/list', (req, res) => {
    const page = paginate([...media.paths()].sort(byName), req.query);
    const sessions = media.sessions();
    res.json({ ...page, items: page.items.map((info) => shapePath(info, sessions)) });
  });
  app.get('/v3/paths/get/*name', (req, res) => {
    // From the URL: names have slashes, which the route's parameter would hold as a list.
    const name = decodedPath(req.path).slice('/v3/paths/get/'.length);
    const info = media.path(name);
    if (info === undefined) throw new ShardcastError('PATH_NOT_FOUND', 'there is no such path');
    res.json(shapePath(info, media.sessions()));
  });

  const kinds = {
    webrtcsessions: (session: SessionInfo) => session.kind !== 'rtsp-push',
    rtspsessions: (session: SessionInfo) => session.kind === 'rtsp-push',
  };
  for (const [name, belongs] of Object.entries(kinds)) {
    app.get(`/v3/${name}/list`, (req, res) => {
      const page = paginate(media.sessions().filter(belongs), req.query);
      res.json({ ...page, items: page.items.map(sessionShape) });
    });
    app.get(`/v3/${name}/get/:id`, (req, res) => {
      res.json(sessionShape(known(media.sessions().filter(belongs), req.params.id)));
    });
    app.post(`/v3/${name}/kick/:id`, async (req, res) => {
      const { id } = known(media.sessions().filter(belongs), req.params.id);
      if (!(await options.kick(id))) throw noSession();
      res.json({ status: 'ok' });
    });
  }

  app.get('/v3/workers/list', (req, res) => {
    res.json(paginate(shards().map(workerShape), req.query));
  });
  app.post('/v3/workers/:worker/recycle', async (req, res, next) => {
    const worker = /^\d{1,4}$/.test(req.params.worker) ? Number(req.params.worker) : undefined;
    if (worker === undefined || !(await options.recycle(worker))) notFound(req, res, next);
    else res.json({ status: 'ok' });
  });

  for (const route of ['/v3/webrtcsessions/kick/:id', '/v3/rtspsessions/kick/:id', '/v3/workers/:worker/recycle'])
    app.all(route, (_req, res) => sendMethodNotAllowed(res, 'POST'));
  app.use(notFound);
  app.use(problemHandler(log));
  return app;
}

function known(sessions: readonly SessionInfo[], id: string): SessionInfo {
  const session = sessions.find((candidate) => candidate.id === id);
  if (session === undefined) throw noSession();
  return session;
}

function noSession(): ShardcastError {
  return new ShardcastError('SESSION_NOT_FOUND', 'there is no such session');
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
