import { ShardcastError } from '@shardcast/shared';
import type { Observer } from '../../monitor/observer.ts';
import type { Media, PathInfo, SessionInfo, ShardView } from '../../paths/media.ts';
import { PageQuery, pageOf, paginate } from '../page.ts';
import { type ApiRoute, route } from '../route.ts';
import { PathShape, pathShape } from '../shapes.ts';

export type PathRoutesOptions = {
  readonly media: Pick<Media, 'paths' | 'path' | 'sessions'>;
  readonly shards: () => readonly ShardView[];
  readonly observer: Pick<Observer, 'stream'>;
};

/** `/v3/paths/…` */
export function pathRoutes({ media, shards, observer }: PathRoutesOptions): ApiRoute[] {
  const shape = (info: PathInfo, sessions: readonly SessionInfo[]) =>
    pathShape(info, sessions, shards().find(({ worker }) => worker === info.worker)?.telemetry, observer.stream(info));
  return [
    route({
      method: 'get',
      path: '/v3/paths/list',
      tag: 'Paths',
      summary: 'Every path that is in use or configured, by name',
      query: PageQuery,
      response: pageOf(PathShape),
      answer({ query }) {
        const page = paginate([...media.paths()].sort(byName), query);
        const sessions = media.sessions();
        return { ...page, items: page.items.map((info) => shape(info, sessions)) };
      },
    }),
    route({
      method: 'get',
      path: '/v3/paths/get/{name}',
      tag: 'Paths',
      summary: 'One path',
      response: PathShape,
      answer({ params: { name = '' } }) {
        const info = media.path(name);
        if (info === undefined) throw new ShardcastError('PATH_NOT_FOUND', 'there is no such path');
        return shape(info, media.sessions());
      },
    }),
  ];
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
