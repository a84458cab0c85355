import type { Contender } from '../contenders.ts';
import type { Settings, Workload } from '../result.ts';
import { Stage, sleep } from '../stage.ts';

const STREAMS = 64;
/** So many that what the first ones cause once (compiled code, the allocator's arenas) is little of each. */
const VIEWERS = 400;
/** Caches and histories are full by then, and what handshakes leave behind for ten seconds is gone. */
const FILL_MS = 15_000;

/** Resident memory above the idle server, its garbage collected. */
export function memory(isQuick: boolean): Workload {
  return {
    name: 'memory',
    isQuick,
    intake: 'tcp',
    ratioOf: 'KB/stream+viewer',
    measure: async (contender, settings) => {
      const streams = await grown(contender, settings, STREAMS, STREAMS);
      const viewers = await grown(contender, settings, 1, VIEWERS);
      const perStream = streams.bytes / STREAMS;
      return {
        figures: {
          'KB/stream+viewer': perStream / 1024,
          'KB/viewer': (viewers.bytes - perStream) / (VIEWERS - 1) / 1024,
          'MB idle': streams.idleBytes / 1024 / 1024,
        },
        details: { streams, viewers },
      };
    },
  };
}

async function grown(contender: Contender, { profiles, nodeArgs }: Settings, streams: number, viewers: number) {
  const stage = await Stage.open(contender, { streams, intake: 'tcp', profiles, nodeArgs, collectsGarbage: true });
  try {
    await stage.server.settle();
    const idleBytes = stage.residentBytes();
    await stage.cameras.add(streams);
    await sleep(500);
    await stage.viewers.join(stage.urls(viewers, streams), { checking: Math.min(viewers, STREAMS) });
    await sleep(FILL_MS);
    await stage.server.settle();
    return { idleBytes, bytes: stage.residentBytes() - idleBytes };
  } finally {
    await stage.close();
  }
}
