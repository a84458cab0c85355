import { AudienceHost } from '../audience-host.ts';
import { CameraCrew } from '../camera-crew.ts';
import { monotonicMicroseconds } from '../profile.ts';
import type { Workload } from '../result.ts';
import { type Sample, Stage, sleep } from '../stage.ts';

const WATCHING = 20;
const JOINING = 100;
/** Of the stream that is joined for the cost of a set-up: a keyframe twice a second, so that media costs little. */
const QUIET_FRAMES_PER_SECOND = 2;
const WATCHED = 0;
const QUIET = 1;
const WARM_UP_MS = 4000;
const WINDOW_SECONDS = 4;
const SETTLE_MS = 2000;

/** Many join at once while some watch: what it does to those, and what a set-up costs. */
export function joins(isQuick: boolean): Workload {
  return {
    name: 'joins',
    isQuick,
    intake: 'tcp',
    quickOnly: ['shardcast TOBE', 'janus'],
    ratioOf: 'CPU ms/join',
    measure: async (contender, { profiles, nodeArgs }) => {
      const stage = await Stage.open(contender, { streams: 2, intake: 'tcp', profiles, nodeArgs });
      const quiet = new CameraCrew(stage.server, 'tcp', undefined, QUIET);
      // Handshakes are as much work for a viewer as for the server: they wait for the watching ones' packets.
      const joining = new AudienceHost(profiles, true);
      const urls = (count: number, camera: number) =>
        Array.from({ length: count }, () => stage.server.viewerUrl(camera));
      const joinAll = async (camera: number) => {
        const beganMs = performance.now();
        await joining.join(urls(JOINING, camera), { checking: 0, atOnce: JOINING });
        return performance.now() - beganMs;
      };
      try {
        await stage.cameras.add(1);
        await quiet.add(1, QUIET_FRAMES_PER_SECOND);
        quiet.sendOnlyKeyframes();
        await stage.viewers.join(urls(WATCHING, WATCHED));
        // Certificates, compilers and caches: the first join is not what is asked.
        await joining.join(urls(1, QUIET));
        await sleep(WARM_UP_MS);
        const before = await stage.observe(WINDOW_SECONDS);
        const hundred = async (camera: number) => {
          const joined = joinAll(camera);
          const sample = await stage.observe(Promise.all([joined, sleep(WINDOW_SECONDS * 1000)]));
          return { sample, ms: await joined };
        };
        const leave = async () => {
          await joining.leave(JOINING, 0);
          await sleep(SETTLE_MS);
        };

        const first = await hundred(QUIET);
        await leave();
        const steady = await stage.observe(WINDOW_SECONDS);
        const from = monotonicMicroseconds();
        const later = await hundred(QUIET);
        const to = monotonicMicroseconds();
        await leave();
        const same = await hundred(WATCHED);
        const perJoin = ({ cpuSeconds, seconds }: Sample) =>
          (1000 * (cpuSeconds - (steady.cpuSeconds / steady.seconds) * seconds)) / JOINING;
        return {
          figures: {
            'CPU ms/join': perJoin(later.sample),
            'CPU ms/join of a new server': perJoin(first.sample),
            'all in ms': later.ms,
            'p99 before': before.latencyMs.p99,
            'p99 ms': Math.max(first.sample.latencyMs.p99, later.sample.latencyMs.p99),
            'max ms': Math.max(first.sample.latencyMs.max, later.sample.latencyMs.max),
            'same stream all in ms': same.ms,
            'same stream p99 ms': same.sample.latencyMs.p99,
            'same stream max ms': same.sample.latencyMs.max,
            lost: first.sample.lost + later.sample.lost + same.sample.lost,
            'lag ms': Math.max(first.sample.viewerLagMs, later.sample.viewerLagMs, same.sample.viewerLagMs),
            'others %': later.sample.othersPercent,
          },
          profiled: { pid: stage.server.pid, from, to },
          details: { before, first, steady, later, same },
        };
      } finally {
        await joining.close();
        quiet.close();
        await stage.close();
      }
    },
  };
}
