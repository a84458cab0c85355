import { ShardcastError } from '@shardcast/shared';
import type { Media, SessionInfo } from '../../paths/media.ts';
import { PageQuery, pageOf, paginate } from '../page.ts';
import { type ApiRoute, route } from '../route.ts';
import { DONE, Done, SessionShape, sessionShape } from '../shapes.ts';

export type SessionRoutesOptions = {
  readonly media: Pick<Media, 'sessions'>;
  /** Ends the session with that public id. @returns false when there is none. */
  readonly kick: (id: string) => Promise<boolean>;
};

const KINDS = {
  webrtcsessions: {
    title: 'WHIP and WHEP sessions',
    belongs: ({ kind }: SessionInfo) => kind !== 'rtsp-push',
  },
  rtspsessions: { title: 'RTSP publishers', belongs: ({ kind }: SessionInfo) => kind === 'rtsp-push' },
};

/** `/v3/webrtcsessions/…` and `/v3/rtspsessions/…` */
export function sessionRoutes({ media, kick }: SessionRoutesOptions): ApiRoute[] {
  return Object.entries(KINDS).flatMap(([name, { title, belongs }]) => {
    const known = (id: string | undefined): SessionInfo => {
      const session = media.sessions().find((candidate) => candidate.id === id && belongs(candidate));
      if (session === undefined) throw noSession();
      return session;
    };
    return [
      route({
        method: 'get',
        path: `/v3/${name}/list`,
        tag: 'Sessions',
        summary: `Every session: ${title}`,
        query: PageQuery,
        response: pageOf(SessionShape),
        answer({ query }) {
          const page = paginate(media.sessions().filter(belongs), query);
          return { ...page, items: page.items.map(sessionShape) };
        },
      }),
      route({
        method: 'get',
        path: `/v3/${name}/get/{id}`,
        tag: 'Sessions',
        summary: `One session: ${title}`,
        response: SessionShape,
        answer: ({ params }) => sessionShape(known(params['id'])),
      }),
      route({
        method: 'post',
        path: `/v3/${name}/kick/{id}`,
        tag: 'Sessions',
        summary: `End a session: ${title}`,
        response: Done,
        async answer({ params }) {
          if (!(await kick(known(params['id']).id))) throw noSession();
          return DONE;
        },
      }),
    ];
  });
}

function noSession(): ShardcastError {
  return new ShardcastError('SESSION_NOT_FOUND', 'there is no such session');
}
