import { AudienceHost } from '../audience-host.ts';
import { monotonicMicroseconds } from '../profile.ts';
import type { Workload } from '../result.ts';
import { Stage, sleep } from '../stage.ts';
import { TOBE } from './tobe.ts';

const WATCHING = 20;
const JOINING = 100;
const WARM_UP_MS = 4000;
const WINDOW_SECONDS = 4;

/** Many join at once while some watch the same stream: what it does to those, and what a set-up costs. */
export function joins(isQuick: boolean): Workload {
  return {
    name: 'joins',
    isQuick,
    intake: 'tcp',
    quickOnly: [...TOBE, 'janus'],
    ratioOf: 'CPU ms/join',
    measure: async (contender, { profiles, nodeArgs }) => {
      const stage = await Stage.open(contender, { streams: 1, intake: 'tcp', profiles, nodeArgs });
      // Handshakes are as much work for a viewer as for the server: they wait for the watching ones' packets.
      const joining = new AudienceHost(profiles, true);
      try {
        await stage.cameras.add(1);
        await stage.viewers.join(stage.urls(WATCHING, 1));
        // Certificates, compilers and caches: the server's first join and the generator's are not what is asked.
        await joining.join(stage.urls(1, 1));
        await sleep(WARM_UP_MS);
        const quiet = await stage.observe(WINDOW_SECONDS);

        await joining.reset();
        const from = monotonicMicroseconds();
        let connectedMs = Number.NaN;
        const startedMs = performance.now();
        const joined = joining.join(stage.urls(JOINING, 1), { checking: 0, atOnce: JOINING }).then(() => {
          connectedMs = performance.now() - startedMs;
        });
        const during = await stage.observe(WINDOW_SECONDS);
        await joined;
        const to = monotonicMicroseconds();
        const burst = await joining.tally();

        await sleep(1000);
        await joining.reset();
        const after = await stage.observe(WINDOW_SECONDS);
        const crowd = await joining.tally();

        const steady = (quiet.cpuSeconds / quiet.seconds) * during.seconds;
        const addedCpu = after.cpuSeconds / after.seconds - quiet.cpuSeconds / quiet.seconds;
        const perPacket = addedCpu / (crowd.received / after.seconds);
        const setUps = during.cpuSeconds - steady;
        return {
          figures: {
            'CPU ms/join': (1000 * (setUps - perPacket * burst.received)) / JOINING,
            'with media': (1000 * setUps) / JOINING,
            'all in ms': connectedMs,
            'watching p99 ms': during.latencyMs.p99,
            'max ms': during.latencyMs.max,
            'lag ms': during.viewerLagMs,
            'p99 before': quiet.latencyMs.p99,
            'max before': quiet.latencyMs.max,
            lost: during.lost,
            'generator %': during.generatorPercent,
          },
          profiled: { pid: stage.server.pid, from, to },
          details: { quiet, during, after },
        };
      } finally {
        await joining.close();
        await stage.close();
      }
    },
  };
}
