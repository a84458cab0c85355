import { Router } from 'express';
import type { ShardView } from '../paths/media.ts';

/** `starting` until every listener is up, `draining` from the signal to stop on. */
export type ProcessState = 'starting' | 'ready' | 'draining';

export type HealthOptions = {
  readonly shards: () => readonly ShardView[];
  readonly state: () => ProcessState;
};

/** `/healthz`: the loop turns, so restart nothing. `/readyz`: send new clients here, or 503 with the reasons why not. */
export function health({ shards, state }: HealthOptions): Router {
  const router = Router();
  router.get('/healthz', (_req, res) => {
    const { fastPath, dtls, fastPathDetail } = shards().find((shard) => shard.fastPath !== undefined) ?? {};
    res.setHeader('Cache-Control', 'no-store');
    res.json({ status: 'ok', ...(fastPath === undefined ? {} : { fastPath, ...fastPathDetail, dtls }) });
  });
  router.get('/readyz', (_req, res) => {
    const reasons: string[] = [];
    if (state() !== 'ready') reasons.push(state());
    if (!shards().some((shard) => shard.state === 'up')) reasons.push('no worker is up');
    res.setHeader('Cache-Control', 'no-store');
    res.status(reasons.length === 0 ? 200 : 503);
    if (reasons.length > 0) res.setHeader('Retry-After', 1);
    res.json({ status: reasons.length === 0 ? 'ready' : 'not ready', reasons });
  });
  return router;
}
