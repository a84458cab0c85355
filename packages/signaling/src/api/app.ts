import type { Express } from 'express';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import { bareApp } from '../http/app.ts';
import { noForeignPages } from '../http/own-origin.ts';
import { notFound, problemHandler } from '../http/problem.ts';
import type { Logger } from '../logging/logger.ts';
import { mountDocsPage } from './docs-page.ts';
import { openApi } from './open-api.ts';
import type { ApiRoute } from './route.ts';
import { mountRoutes } from './router.ts';
import { type AlarmRoutesOptions, alarmRoutes } from './routes/alarms.ts';
import { type CapacityRoutesOptions, capacityRoutes } from './routes/capacity.ts';
import { type ConfigRoutesOptions, configRoutes } from './routes/config.ts';
import { type DoctorRoutesOptions, doctorRoutes } from './routes/doctor.ts';
import { type InfoRoutesOptions, infoRoutes } from './routes/info.ts';
import { type LogRoutesOptions, logRoutes } from './routes/log.ts';
import { type MonitorRoutesOptions, monitorRoutes } from './routes/monitor.ts';
import { type PathRoutesOptions, pathRoutes } from './routes/paths.ts';
import { type PlacementRoutesOptions, placementRoutes } from './routes/placement.ts';
import { type SessionRoutesOptions, sessionRoutes } from './routes/sessions.ts';
import { type WorkerRoutesOptions, workerRoutes } from './routes/workers.ts';

export type ApiRoutesOptions = InfoRoutesOptions &
  ConfigRoutesOptions &
  DoctorRoutesOptions &
  PathRoutesOptions &
  PlacementRoutesOptions &
  SessionRoutesOptions &
  WorkerRoutesOptions &
  MonitorRoutesOptions &
  AlarmRoutesOptions &
  CapacityRoutesOptions &
  LogRoutesOptions;

export type ApiOptions = ApiRoutesOptions & {
  readonly authorise: Authorise;
  readonly log: Logger;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[];
  /** As in `RouterOptions`. */
  readonly checkAnswers?: boolean;
};

/** Every operation of the API: the parts of MediaMTX's `/v3/…` that Shardcast has, and its own. */
export function apiRoutes(options: ApiRoutesOptions): ApiRoute[] {
  return [
    ...infoRoutes(options),
    ...configRoutes(options),
    ...pathRoutes(options),
    ...doctorRoutes(options),
    ...sessionRoutes(options),
    ...workerRoutes(options),
    ...placementRoutes(options),
    ...monitorRoutes(options),
    ...alarmRoutes(options),
    ...capacityRoutes(options),
    ...logRoutes(options),
  ];
}

/** What `apiAddress` serves: the operations, `/v3/openapi.json` which describes them, and `/docs/` to try them. */
export function createApiApp(options: ApiOptions): Express {
  const { authorise, log, version } = options;
  const app = bareApp(options.trustedProxies ?? []);

  app.use(noForeignPages);
  app.use(async function askWho(req, res, next) {
    await demand(authorise, accessRequest(req, 'api', undefined, 'http'));
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  });
  const routes = apiRoutes(options);
  mountRoutes(app, routes, options);
  let document: ReturnType<typeof openApi> | undefined; // made when first asked for: it would take a twentieth of the start
  app.get('/v3/openapi.json', (_req, res) => {
    document ??= openApi(routes, version);
    res.json(document);
  });
  mountDocsPage(app);
  app.use(notFound);
  app.use(problemHandler(log));
  return app;
}
