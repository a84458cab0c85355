import { z } from 'zod';
import type { Capacity } from '../../capacity/capacity.ts';
import { type ApiRoute, route } from '../route.ts';

export type CapacityRoutesOptions = { readonly capacity: Pick<Capacity, 'forecast'> };

const Resource = z.enum(['cpu', 'worker-cpu', 'memory', 'bandwidth', 'file-descriptors', 'sessions']);
const Known = z.number().nullable();
const Row = z.strictObject({ cpuCores: z.number(), cpuRatio: z.number(), rssBytes: z.number(), fits: z.boolean() });

const CapacityShape = z
  .strictObject({
    measuredAt: z.iso.datetime(),
    mix: z.strictObject({
      streams: z.number(),
      viewers: z.number(),
      viewersPerStream: z.number(),
      inboundBitratePerStream: z.number(),
      outboundBitratePerViewer: z.number(),
    }),
    cost: z.strictObject({
      basis: z.enum(['measured', 'typical']),
      cpuCoresPerStream: z.number(),
      cpuCoresPerViewer: z.number(),
      cpuCoresIdle: z
        .number()
        .describe('What the process uses whatever the load: idle, and its workers waking up for work.'),
      memoryBytesPerStream: z.number(),
      memoryBytesPerViewer: z.number(),
      fileDescriptorsPerStream: z.number(),
      samples: z.number().describe('Seconds under load that CPU was measured in.'),
    }),
    limits: z.array(
      z.strictObject({
        resource: Resource,
        unit: z.enum(['cores', 'bytes', 'bit/s', 'count']),
        used: z.number(),
        usable: Known,
        total: Known,
        streams: Known,
        viewers: Known,
      }),
    ),
    room: z.strictObject({
      streams: z.number(),
      viewers: z.number(),
      limitedBy: z.strictObject({ streams: Resource, viewers: Resource }),
    }),
    table: z.array(z.strictObject({ streams: z.number(), viewers: z.number(), asis: Row, tobe: Row })),
    asis: z.strictObject({ cpuRatio: z.number(), memoryRatio: z.number(), source: z.string() }),
  })
  .meta({ id: 'Capacity' });

/** `/v3/capacity` */
export function capacityRoutes({ capacity }: CapacityRoutesOptions): ApiRoute[] {
  return [
    route({
      method: 'get',
      path: '/v3/capacity',
      tag: 'Monitoring',
      summary: 'How many more streams and viewers of the present mix fit, and what that follows from',
      response: CapacityShape,
      answer: () => ({ measuredAt: new Date().toISOString(), ...capacity.forecast() }),
    }),
  ];
}
