import type { Express } from 'express';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import { bareApp } from '../http/app.ts';
import { noForeignPages } from '../http/own-origin.ts';
import { notFound, problemHandler } from '../http/problem.ts';
import type { Logger } from '../logging/logger.ts';
import { CONTENT_TYPE } from './exposition.ts';
import { type MediaMtxMetricsOptions, mediaMtxMetrics } from './mediamtx-format.ts';
import type { Metrics } from './metrics.ts';

export type MetricsAppOptions = MediaMtxMetricsOptions & {
  readonly metrics: Metrics;
  readonly authorise: Authorise;
  readonly log: Logger;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[];
};

/** What `metricsAddress` serves: `/metrics`, also `?format=mediamtx`. */
export function createMetricsApp({
  metrics,
  authorise,
  log,
  trustedProxies = [],
  ...facts
}: MetricsAppOptions): Express {
  const app = bareApp(trustedProxies);
  app.use(noForeignPages);
  app.use(async function askWho(req, res, next) {
    await demand(authorise, accessRequest(req, 'metrics', undefined, 'http'));
    res.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  });
  app.get('/metrics', async (req, res) => {
    res.setHeader('Content-Type', CONTENT_TYPE);
    res.setHeader('Cache-Control', 'no-store');
    res.end(req.query['format'] === 'mediamtx' ? mediaMtxMetrics(facts) : await metrics.bytes());
  });
  app.use(notFound);
  app.use(problemHandler(log));
  return app;
}
