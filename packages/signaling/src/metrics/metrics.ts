import type { ShardcastErrorCode } from '@shardcast/shared';
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { Alarms } from '../alarms/alarms.ts';
import type { Capacity } from '../capacity/capacity.ts';
import type { Rejections } from '../http/problem.ts';
import type { Observer } from '../monitor/observer.ts';
import type { Media, ShardView } from '../paths/media.ts';
import { Exposition } from './exposition.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { MAX_PATH_LABELS } from './shown-streams.ts';
import { addStreamMetrics } from './stream-metrics.ts';
import { addWorkerMetrics } from './worker-metrics.ts';

export type MetricsOptions = {
  readonly shards: () => readonly ShardView[];
  readonly media: Pick<Media, 'paths'>;
  readonly observer: Observer;
  readonly alarms: Pick<Alarms, 'count'>;
  readonly capacity: Pick<Capacity, 'forecast'>;
  /** Paths with a label of their own. */
  readonly maxPathLabels?: number;
};

export type Metrics = {
  /** What a scrape gets, UTF-8. */
  readonly bytes: () => Promise<Buffer>;
  readonly rejections: Rejections;
};

/** How often main's delay is looked at; at the default, 10 ms, an idle server spent half its CPU on it. */
const LAG_RESOLUTION_MS = 50;

/**
 * Everything `/metrics` shows. Workers are not asked at a scrape: their counters are read where they lie, so a busy
 * worker cannot delay it. Labels are bounded: worker, the paths of the most outbound bytes with `other` for the rest, and
 * fixed words.
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const { shards, media, observer, maxPathLabels = MAX_PATH_LABELS } = options;
  const exposition = new Exposition();
  addProcessMetrics(exposition, options);
  addWorkerMetrics(exposition, shards);
  addStreamMetrics(exposition, { shards, media, observer, maxPathLabels });
  // Node's own metrics, under the names that dashboards for it know.
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_RESOLUTION_MS });
  const rejected = new Counter({
    name: 'shardcast_admission_rejected_total',
    help: 'Requests refused for want of room or of a worker, by error code.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return {
    bytes: async () => Buffer.concat([exposition.bytes(), Buffer.from(await registry.metrics())]),
    rejections: { count: (reason: ShardcastErrorCode) => rejected.inc({ reason }) },
  };
}
