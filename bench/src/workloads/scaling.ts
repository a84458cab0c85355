import { spawnSync } from 'node:child_process';
import type { Contender } from '../contenders.ts';
import type { Settings, Workload } from '../result.ts';
import { GENERATOR_PROCESSOR, type Sample, Stage, sleep } from '../stage.ts';
import { TOBE } from './tobe.ts';

const STREAMS_PER_WORKER = 12;
const VIEWERS_PER_STREAM = 10;
const BOTH = `0,${GENERATOR_PROCESSOR}`;
const WARM_UP_MS = 4000;

/**
 * One worker against two with twice the load, on the same two processors. The generator has its share of both in either
 * case, so what is compared is what a packet costs the server: two workers carry twice as much if it is the same.
 */
export function scaling(isQuick: boolean): Workload {
  return {
    name: 'scaling',
    isQuick,
    intake: 'tcp',
    only: TOBE,
    ratioOf: 'times one worker',
    measure: async (contender, settings) => {
      const samples: { readonly workers: number; readonly sample: Sample }[] = [];
      // There and back, so that what else the machine does, and how it changes, weighs on both.
      for (const workers of [1, 2, 2, 1])
        samples.push({ workers, sample: await carried(contender, settings, workers) });
      const cost = (of: number) => {
        const those = samples.filter(({ workers }) => workers === of).map(({ sample }) => sample);
        return (1e6 * sum(those, 'cpuSeconds')) / sum(those, 'packets');
      };
      const all = samples.map(({ sample }) => sample);
      return {
        figures: {
          'us/packet, 1 worker': cost(1),
          'us/packet, 2 workers': cost(2),
          'times one worker': (2 * cost(1)) / cost(2),
          lost: sum(all, 'lost'),
          'others %': sum(all, 'othersPercent') / all.length,
        },
        details: samples,
      };
    },
  };
}

async function carried(
  contender: Contender,
  { seconds, profiles, nodeArgs }: Settings,
  workers: number,
): Promise<Sample> {
  const streams = workers * STREAMS_PER_WORKER;
  const viewers = streams * VIEWERS_PER_STREAM;
  pinSelf(BOTH);
  const stage = await Stage.open(contender, {
    streams,
    intake: 'tcp',
    profiles,
    nodeArgs,
    workers,
    processors: BOTH,
  });
  try {
    await stage.cameras.add(streams);
    await sleep(500);
    await stage.viewers.join(stage.urls(viewers, streams), { checking: streams });
    await sleep(WARM_UP_MS);
    return await stage.observe(seconds);
  } finally {
    await stage.close();
    pinSelf(GENERATOR_PROCESSOR);
  }
}

function sum(samples: readonly Sample[], of: 'cpuSeconds' | 'packets' | 'lost' | 'othersPercent'): number {
  return samples.reduce((total, sample) => total + sample[of], 0);
}

/** What this process starts inherits it. */
function pinSelf(processors: string): void {
  spawnSync('taskset', ['-a', '-p', '-c', processors, String(process.pid)]);
}
