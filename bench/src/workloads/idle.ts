import type { Workload } from '../result.ts';
import { Stage, sleep } from '../stage.ts';
import { TOBE } from './tobe.ts';

const SESSIONS = 500;
/** Longer than the cameras' last frames are kept and caught up with. */
const REST_MS = 3000;

/** Sessions of a stream whose camera is connected and silent. */
export function idle(isQuick: boolean): Workload {
  return {
    name: 'idle',
    isQuick,
    intake: 'tcp',
    only: ['stock werift', 'shardcast ASIS', ...TOBE],
    ratioOf: 'us/session/s',
    measure: async (contender, { seconds, profiles, nodeArgs }) => {
      const flags = ['--readTimeout=10m'];
      const options = { streams: 1, intake: 'tcp' as const, profiles, nodeArgs, flags, collectsGarbage: true };
      const stage = await Stage.open(contender, options);
      try {
        await stage.cameras.add(1);
        await stage.viewers.join(stage.urls(1, 1));
        await sleep(REST_MS);
        stage.cameras.pause();
        await stage.server.settle();
        const before = stage.residentBytes();
        const empty = await stage.observe(seconds);
        await stage.viewers.join(stage.urls(SESSIONS, 1), { checking: 0 });
        await sleep(REST_MS);
        await stage.server.settle();
        const bytes = stage.residentBytes() - before;
        const full = await stage.observe(seconds);
        const added = full.cpuSeconds / full.seconds - empty.cpuSeconds / empty.seconds;
        return {
          figures: {
            'us/session/s': (1e6 * added) / SESSIONS,
            'KB/session': bytes / 1024 / SESSIONS,
            'CPU %': full.cpuPercent,
            'CPU % empty': empty.cpuPercent,
            'RTCP/s': full.rtcpPerSecond,
          },
          details: { empty, full, bytes },
        };
      } finally {
        await stage.close();
      }
    },
  };
}
