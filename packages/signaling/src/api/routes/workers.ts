import { ShardcastError } from '@shardcast/shared';
import { z } from 'zod';
import type { Observer } from '../../monitor/observer.ts';
import type { ShardView } from '../../paths/media.ts';
import { OPTIMISATION_KEYS } from '../../pool/worker-settings.ts';
import { PageQuery, pageOf, paginate } from '../page.ts';
import { type ApiRoute, route } from '../route.ts';
import { DONE, Done, WorkerShape, workerShape } from '../shapes.ts';

export type WorkerRoutesOptions = {
  readonly shards: () => readonly ShardView[];
  readonly observer: Pick<Observer, 'workerCores'>;
  /** Replaces a worker; its streams are placed again. @returns false when there is no such worker. */
  readonly recycle: (worker: number) => Promise<boolean>;
  /**
   * Gives a worker settings of its own and replaces it; an empty record takes them away again.
   * @returns false when there is no such worker
   * @throws ShardcastError SETTING_INVALID
   */
  readonly optimise?: (worker: number, own: Readonly<Record<string, unknown>>) => Promise<boolean>;
};

/** `/v3/workers/…` */
export function workerRoutes({ shards, observer, recycle, optimise }: WorkerRoutesOptions): ApiRoute[] {
  const routes = [
    route({
      method: 'get',
      path: '/v3/workers/list',
      tag: 'Workers',
      summary: 'Every worker thread',
      query: PageQuery,
      response: pageOf(WorkerShape),
      answer: ({ query }) =>
        paginate(
          shards().map((shard) => workerShape(shard, observer)),
          query,
        ),
    }),
    route({
      method: 'post',
      path: '/v3/workers/{worker}/recycle',
      tag: 'Workers',
      summary: 'Replace a worker by a new thread; its streams are placed again and its viewers reconnect',
      response: Done,
      async answer({ params: { worker = '' } }) {
        if (!(await recycle(ordinal(worker)))) throw noWorker();
        return DONE;
      },
    }),
  ];
  if (optimise === undefined) return routes;
  return [
    ...routes,
    route({
      method: 'post',
      path: '/v3/workers/{worker}/optimisations',
      tag: 'Workers',
      summary: 'Give a worker settings of its own, to compare it with the others, and recycle it; {} takes them away',
      body: z.partialRecord(z.enum(OPTIMISATION_KEYS), z.unknown()),
      response: Done,
      async answer({ params: { worker = '' }, body }) {
        if (!(await optimise(ordinal(worker), body))) throw noWorker();
        return DONE;
      },
    }),
  ];
}

function ordinal(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw noWorker();
  return Number(text);
}

function noWorker(): ShardcastError {
  return new ShardcastError('WORKER_NOT_FOUND', 'there is no such worker');
}
