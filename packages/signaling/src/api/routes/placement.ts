import { ShardcastError } from '@shardcast/shared';
import { z } from 'zod';
import type { Media, PlacementInfo } from '../../paths/media.ts';
import { type ApiRoute, route } from '../route.ts';

export type PlacementRoutesOptions = { readonly media: Pick<Media, 'placement'> };

const Explanation = z
  .strictObject({
    path: z.string(),
    worker: z.int().nullable().describe('Where it lives.'),
    reason: z.string().describe('Why it was put there, or why it is nowhere.'),
    ageSeconds: z.number().nullable().describe('How long it has lived there.'),
    bound: z
      .number()
      .nullable()
      .describe('The most that a worker may carry already to be given a stream now: 1 is a processor.'),
    candidates: z
      .array(
        z.strictObject({
          worker: z.int(),
          score: z.int().describe('The hash of path and worker: the highest is asked first.'),
          load: z.number().describe('Measured CPU, and what is reserved for streams too young to measure.'),
          fits: z.boolean(),
        }),
      )
      .describe('Workers that take streams now, in the order in which they are asked.'),
    wouldGoTo: z.int().nullable().describe('Where it would be put now if it had no home.'),
  })
  .meta({ id: 'Placement' });

/** `/v3/placement/…` */
export function placementRoutes({ media }: PlacementRoutesOptions): ApiRoute[] {
  return [
    route({
      method: 'get',
      path: '/v3/placement/explain/{name}',
      tag: 'Workers',
      summary: 'Why a path lives on its worker, and what the others carry',
      response: Explanation,
      answer({ params: { name = '' } }) {
        const placement = media.placement(name);
        if (placement === undefined) throw new ShardcastError('PATH_NOT_FOUND', 'there is no such path');
        return explanation(name, placement);
      },
    }),
  ];
}

function explanation(path: string, { worker, placed, now }: PlacementInfo): z.input<typeof Explanation> {
  const bound = now?.bound;
  const candidates = (now?.candidates ?? []).map((candidate) => ({
    ...candidate,
    fits: bound !== undefined && candidate.load < bound,
  }));
  return {
    path,
    worker: worker ?? null,
    reason: placed?.reason ?? (now === undefined ? 'no worker takes streams now' : 'it is not in use'),
    ageSeconds: placed === undefined ? null : Math.round(placed.ageMs / 1000),
    bound: bound ?? null,
    candidates,
    wouldGoTo: (candidates.find(({ fits }) => fits) ?? candidates[0])?.worker ?? null,
  };
}
