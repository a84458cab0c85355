import { z } from 'zod';
import { type ApiRoute, route } from '../route.ts';

export type InfoRoutesOptions = { readonly version: string; readonly startedAt: Date };

/** `/v3/info` */
export function infoRoutes({ version, startedAt }: InfoRoutesOptions): ApiRoute[] {
  return [
    route({
      method: 'get',
      path: '/v3/info',
      tag: 'Server',
      summary: 'Version and start',
      response: z.strictObject({ version: z.string(), started: z.iso.datetime() }),
      answer: () => ({ version, started: startedAt.toISOString() }),
    }),
  ];
}
