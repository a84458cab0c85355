import type { Intake } from '../camera-crew.ts';
import { monotonicMicroseconds } from '../profile.ts';
import { figuresOf, type Workload } from '../result.ts';
import { Stage, sleep } from '../stage.ts';

const WARM_UP_MS = 4000;
/** Of many viewers of one stream these check content, so that reading does not delay what they measure. */
const CHECKING_OF_MANY = 20;
const MANY = 100;

/** Streams and viewers that stay the same: the cost of a forwarded packet. */
export function steady(options: {
  readonly name: string;
  readonly streams: number;
  readonly viewersPerStream: number;
  readonly intake?: Intake;
  /** The cameras' pace; a stream of 25 has 1 Mbit/s. */
  readonly framesPerSecond?: number;
  readonly isQuick: boolean;
  readonly only?: readonly string[];
}): Workload {
  const { streams, viewersPerStream, intake = 'tcp' } = options;
  const viewers = streams * viewersPerStream;
  return {
    ...options,
    intake,
    ratioOf: 'us/packet',
    measure: async (contender, { seconds, profiles, nodeArgs }) => {
      const stage = await Stage.open(contender, { streams, intake, profiles, nodeArgs });
      try {
        await stage.cameras.add(streams, options.framesPerSecond);
        await sleep(500);
        const checking = viewers > MANY ? CHECKING_OF_MANY : viewers;
        await stage.viewers.join(stage.urls(viewers, streams), { checking });
        await sleep(WARM_UP_MS);
        const from = monotonicMicroseconds();
        const sample = await stage.observe(seconds);
        const profiled = { pid: stage.server.pid, from, to: monotonicMicroseconds() };
        return { figures: figuresOf(sample), profiled, details: sample };
      } finally {
        await stage.close();
      }
    },
  };
}
