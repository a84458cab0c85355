import { networkList } from '@shardcast/shared';
import type { Config } from '@shardcast/shared/config';
import express, { type Express, type Router } from 'express';
import type { Authorise } from '../auth/authorise.ts';
import { trustProxies } from '../auth/peer-address.ts';
import type { Logger } from '../logging/logger.ts';
import type { Media } from '../paths/media.ts';
import { type HealthOptions, health } from './health.ts';
import { pages } from './pages.ts';
import { problemHandler, type Rejections, sendProblem } from './problem.ts';
import type { Scripts } from './scripts.ts';
import { whipWhep } from './whip-whep.ts';

export type AppOptions = HealthOptions & {
  readonly media: Media;
  readonly config: Pick<Config, 'webrtcAllowOrigins' | 'webrtcTrustedProxies'>;
  readonly authorise: Authorise;
  readonly scripts: Scripts;
  readonly log: Logger;
  readonly rejections?: Rejections;
  /** Served under `/dashboard`. */
  readonly dashboard?: Router;
};

/** What `webrtcAddress` serves, but for the WebSocket: health, dashboard, WHIP, WHEP, pages. */
export function createApp({
  media,
  config,
  authorise,
  scripts,
  log,
  rejections,
  dashboard,
  ...healthOptions
}: AppOptions): Express {
  const app = bareApp(config.webrtcTrustedProxies);
  app.use(health(healthOptions));
  app.all('/ws', (_req, res) => {
    // Upgrades never come here.
    res.setHeader('Upgrade', 'websocket');
    sendProblem(res, 426, 'UPGRADE_REQUIRED', 'this is a WebSocket');
  });
  // First: names of paths are part of its addresses, and a name may end like a WHEP endpoint.
  if (dashboard !== undefined) app.use('/dashboard', dashboard);
  app.use(whipWhep({ media, authorise, allowOrigins: config.webrtcAllowOrigins }));
  app.use(pages({ media, authorise, scripts }));
  app.use(problemHandler(log, rejections));
  return app;
}

/**
 * An Express app that says nothing about itself and parses nothing unasked.
 * @param trustedProxies addresses and networks
 */
export function bareApp(trustedProxies: readonly string[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  const trusted = networkList(trustedProxies);
  app.use(function trustedPeer(req, _res, next) {
    trustProxies(req, trusted);
    next();
  });
  return app;
}
