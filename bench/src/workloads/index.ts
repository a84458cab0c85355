import type { Workload } from '../result.ts';
import { forecast } from './forecast.ts';
import { idle } from './idle.ts';
import { joins } from './joins.ts';
import { memory } from './memory.ts';
import { ramp } from './ramp.ts';
import { scaling } from './scaling.ts';
import { soak } from './soak.ts';
import { steady } from './steady.ts';
import { TOBE } from './tobe.ts';

/** How the cost of a packet goes with the number of streams and of viewers. */
const SIZES = [
  ...[1, 8, 256, 500].map((streams) => [streams, 1] as const),
  ...[10, 50, 500].map((viewers) => [1, viewers] as const),
].map(([streams, viewersPerStream]) =>
  steady({ name: `${streams}x${viewersPerStream}`, streams, viewersPerStream, isQuick: false, only: TOBE }),
);

export const WORKLOADS: readonly Workload[] = [
  steady({ name: '64x1', streams: 64, viewersPerStream: 1, isQuick: true }),
  steady({ name: '64x1-pull', streams: 64, viewersPerStream: 1, intake: 'pull', isQuick: false, only: TOBE }),
  steady({ name: '64x1-udp', streams: 64, viewersPerStream: 1, intake: 'udp', isQuick: false, only: TOBE }),
  steady({ name: '64x1-whip', streams: 64, viewersPerStream: 1, intake: 'whip', isQuick: false, only: TOBE }),
  steady({ name: '1x200', streams: 1, viewersPerStream: 200, isQuick: true }),
  steady({ name: '1x1000', streams: 1, viewersPerStream: 1000, framesPerSecond: 5, isQuick: false, only: TOBE }),
  ...SIZES,
  ramp('ramp', 'viewers', true),
  ramp('ramp-streams', 'streams', false),
  joins(true),
  idle(false),
  memory(false),
  scaling(false),
  soak(),
  forecast(),
];
