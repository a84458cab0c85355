import { ShardcastError } from '@shardcast/shared';
import { parseDuration } from '@shardcast/shared/config';
import { z } from 'zod';
import type { Alarms } from '../../alarms/alarms.ts';
import { HISTORY_STEPS } from '../../monitor/history.ts';
import type { Observer } from '../../monitor/observer.ts';
import { OVERVIEW_SERIES, STREAM_SERIES } from '../../monitor/series.ts';
import type { ShardView } from '../../paths/media.ts';
import { type ApiRoute, route } from '../route.ts';

export type MonitorRoutesOptions = {
  readonly observer: Observer;
  readonly alarms: Pick<Alarms, 'count'>;
  readonly shards: () => readonly ShardView[];
  readonly startedAt: Date;
};

const Known = z.number().nullable();
const OverviewShape = z.strictObject({
  time: z.iso.datetime(),
  uptimeSeconds: z.int(),
  workers: z.int(),
  limits: z.strictObject({ cores: z.number(), memoryBytes: z.number(), fileDescriptors: Known }),
  alarms: z.strictObject({ pending: z.int(), firing: z.int() }),
  ...(Object.fromEntries(OVERVIEW_SERIES.map((name) => [name, Known])) as Record<
    (typeof OVERVIEW_SERIES)[number], // every name of the list is a key
    typeof Known
  >),
});

const names = [...new Set<string>([...OVERVIEW_SERIES, ...STREAM_SERIES])];
const HistoryQuery = z.object({
  path: z.string().optional().describe('Of this stream rather than of the process.'),
  step: z.enum(HISTORY_STEPS, `step is one of ${HISTORY_STEPS.join(', ')}`).optional(),
  window: z
    .string('window is a duration such as 15m')
    .refine((text) => parseDuration(text) !== undefined, 'window is a duration such as 15m')
    .optional()
    .describe('How far back; without a step the finest that goes back so far is taken.'),
  series: z
    .string()
    .optional()
    .describe(`Only these, with commas: ${names.join(', ')}.`),
});
const HistoryShape = z
  .strictObject({
    stepSeconds: z.int(),
    times: z.array(z.int()).describe('Begin of each step, Unix seconds.'),
    series: z.record(z.string(), z.array(z.number().nullable())),
  })
  .meta({ id: 'History' });

/** What was measured: `/v3/overview` and `/v3/history`. */
export function monitorRoutes({ observer, alarms, shards, startedAt }: MonitorRoutesOptions): ApiRoute[] {
  return [
    route({
      method: 'get',
      path: '/v3/overview',
      tag: 'Monitoring',
      summary: 'How the process is now',
      response: OverviewShape,
      answer() {
        const { limits, overview } = observer;
        return {
          time: new Date().toISOString(),
          uptimeSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
          workers: shards().length,
          limits: { ...limits, fileDescriptors: limits.fileDescriptors ?? null },
          alarms: { pending: alarms.count('pending'), firing: alarms.count('firing') },
          ...(Object.fromEntries(OVERVIEW_SERIES.map((name) => [name, known(overview[name])])) as Record<
            (typeof OVERVIEW_SERIES)[number], // likewise
            number | null
          >),
        };
      },
    }),
    route({
      method: 'get',
      path: '/v3/history',
      tag: 'Monitoring',
      summary: 'The figures of the last minutes, hours or day, of the process or of a stream',
      query: HistoryQuery,
      response: HistoryShape,
      answer({ query: { path, step, window, series } }) {
        const windowMs = window === undefined ? undefined : parseDuration(window);
        const query = {
          step,
          windowSeconds: windowMs === undefined ? undefined : windowMs / 1000,
          series: series?.split(','),
        };
        if (path === undefined) return observer.history.overview(query);
        const found = observer.history.stream(path, query);
        if (found === undefined) throw new ShardcastError('PATH_NOT_FOUND', 'nothing was measured of such a path');
        return found;
      },
    }),
  ];
}

/** JSON has no NaN. */
export function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
