import { AudienceHost } from '../audience-host.ts';
import { CameraCrew } from '../camera-crew.ts';
import { monotonicMicroseconds } from '../profile.ts';
import type { Workload } from '../result.ts';
import { Stage, sleep } from '../stage.ts';

const WATCHING = 20;
const JOINING = 100;
/** Of the stream that is joined for the cost of a set-up: a keyframe twice a second, so that media costs little. */
const QUIET_FRAMES_PER_SECOND = 2;
const WATCHED = 0;
const QUIET = 1;
const WARM_UP_MS = 4000;
const WINDOW_SECONDS = 4;

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

        const from = monotonicMicroseconds();
        const joined = joinAll(QUIET);
        const during = await stage.observe(Promise.all([joined, sleep(WINDOW_SECONDS * 1000)]));
        const to = monotonicMicroseconds();

        const joinedWatched = joinAll(WATCHED);
        const same = await stage.observe(Promise.all([joinedWatched, sleep(WINDOW_SECONDS * 1000)]));
        const steady = (before.cpuSeconds / before.seconds) * during.seconds;
        return {
          figures: {
            'CPU ms/join': (1000 * (during.cpuSeconds - steady)) / JOINING,
            'all in ms': await joined,
            'p99 before': before.latencyMs.p99,
            'p99 ms': during.latencyMs.p99,
            'max ms': during.latencyMs.max,
            'same stream all in ms': await joinedWatched,
            'same stream p99 ms': same.latencyMs.p99,
            'same stream max ms': same.latencyMs.max,
            lost: during.lost + same.lost,
            'lag ms': Math.max(during.viewerLagMs, same.viewerLagMs),
            'others %': during.othersPercent,
          },
          profiled: { pid: stage.server.pid, from, to },
          details: { before, during, same },
        };
      } finally {
        await joining.close();
        quiet.close();
        await stage.close();
      }
    },
  };
}
