import { ShardcastError } from '@shardcast/shared';
import type { Observer } from '../../monitor/observer.ts';
import type { ShardView } from '../../paths/media.ts';
import { PageQuery, pageOf, paginate } from '../page.ts';
import { type ApiRoute, route } from '../route.ts';
import { DONE, Done, WorkerShape, workerShape } from '../shapes.ts';

export type WorkerRoutesOptions = {
  readonly shards: () => readonly ShardView[];
  readonly observer: Pick<Observer, 'workerCores'>;
  /** Replaces a worker; its streams are placed again. @returns false when there is no such worker. */
  readonly recycle: (worker: number) => Promise<boolean>;
};

/** `/v3/workers/…` */
export function workerRoutes({ shards, observer, recycle }: WorkerRoutesOptions): ApiRoute[] {
  return [
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
        if (!/^\d{1,4}$/.test(worker) || !(await recycle(Number(worker))))
          throw new ShardcastError('WORKER_NOT_FOUND', 'there is no such worker');
        return DONE;
      },
    }),
  ];
}
