import { z } from 'zod';
import type { LogRing } from '../../logging/log-ring.ts';
import { type ApiRoute, route } from '../route.ts';

export type LogRoutesOptions = {
  /** Without it there is no `/v3/log`. */
  readonly logRing?: Pick<LogRing, 'after' | 'last'>;
};

const LogQuery = z.object({
  after: z
    .string()
    .regex(/^\d{1,15}$/, 'after is the id of a line')
    .default('0')
    .describe('Only lines after the one with this id.'),
});

/** `/v3/log` */
export function logRoutes({ logRing }: LogRoutesOptions): ApiRoute[] {
  if (logRing === undefined) return [];
  return [
    route({
      method: 'get',
      path: '/v3/log',
      tag: 'Server',
      summary: 'The last lines of the log, redacted as it is, oldest first; 1,000 are kept',
      query: LogQuery,
      response: z
        .strictObject({
          last: z.int().describe('What to ask for `after` next; smaller than before when the server was restarted.'),
          items: z.array(
            z.strictObject({ id: z.int(), line: z.string().describe('JSON; cut when it is longer than 4,096.') }),
          ),
        })
        .meta({ id: 'Log' }),
      answer: ({ query: { after } }) => ({ last: logRing.last, items: logRing.after(Number(after)) }),
    }),
  ];
}
