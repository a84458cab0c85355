import type { Workload } from '../result.ts';
import { type Sample, Stage, sleep } from '../stage.ts';

const VIEWERS_PER_STREAM = 5;
/** Streams at which the server learns; the last one is what it forecasts from. */
const LEARNING = [20, 60, 120];
const LEARN_MS = 20_000;
/** Before the forecast is asked for, the load stands still as long as an operator's would. */
const SETTLE_MS = 30_000;
/** Of the forecast: the knee is looked for between them. */
const TRIED = [0.7, 0.85, 1, 1.15, 1.3];
const REST_MS = 6000;
const MEASURED_SECONDS = 6;
/** What the forecast is of: this share of the one processor that the server has. */
const USABLE_PERCENT = 70;
const MAX_STREAMS = 1200;
const GENERATOR_LIMIT_PERCENT = 92;

/**
 * Asks the server under a load how many more streams fit before 70 % of its CPU, and then adds streams until that is
 * used: *forecast / knee* is to be 0.85 to 1.15.
 */
export function forecast(): Workload {
  return {
    name: 'forecast',
    isQuick: false,
    isOnDemand: true,
    intake: 'tcp',
    only: ['shardcast TOBE'],
    ratioOf: 'forecast / knee',
    measure: async (contender, { profiles, nodeArgs }) => {
      const flags = ['--api=on', '--apiAddress=127.0.0.1:0', '--dtls=openssl'];
      const stage = await Stage.open(contender, { streams: MAX_STREAMS, intake: 'tcp', profiles, nodeArgs, flags });
      try {
        return await compare(stage);
      } finally {
        await stage.close();
      }
    },
  };
}

async function compare(stage: Stage) {
  for (const streams of LEARNING) {
    await grow(stage, streams);
    await sleep(LEARN_MS);
    const { cpuPercent } = await stage.observe(MEASURED_SECONDS);
    console.error(`  learned at ${streams} streams, ${cpuPercent.toFixed(1)} %`);
  }
  await sleep(SETTLE_MS);
  const before = await stage.observe(MEASURED_SECONDS);
  const answer = await fetch(`${stage.server.api}/v3/capacity`);
  const { room, cost } = (await answer.json()) as { room: { streams: number; limitedBy: object }; cost: object };
  const foretold = stage.cameras.count + room.streams;
  console.error(
    `  at ${stage.cameras.count} streams, ${before.cpuPercent.toFixed(1)} %: ${foretold} foretold ${JSON.stringify({ room, cost })}`,
  );
  const steps: (Sample & { readonly streams: number })[] = [{ ...before, streams: stage.cameras.count }];
  for (const share of TRIED) {
    await grow(stage, Math.round(foretold * share));
    await sleep(REST_MS);
    const sample = { ...(await stage.observe(MEASURED_SECONDS)), streams: stage.cameras.count };
    steps.push(sample);
    console.error(
      `  ${sample.streams} streams: ${sample.cpuPercent.toFixed(1)} %, lost ${sample.lost}, p99 ${sample.latencyMs.p99.toFixed(1)} ms, generator ${sample.generatorPercent.toFixed(0)} %`,
    );
    if (sample.cpuPercent > USABLE_PERCENT || sample.generatorPercent > GENERATOR_LIMIT_PERCENT) break;
  }
  const knee = kneeOf(steps);
  return {
    figures: { foretold, knee, 'forecast / knee': foretold / knee, 'CPU % before': before.cpuPercent },
    details: { room, cost, steps },
  };
}

/** Streams at which 70 % is used, on the straight line between the steps around it; NaN when it was not reached. */
function kneeOf(steps: readonly (Sample & { readonly streams: number })[]): number {
  const above = steps.findIndex(({ cpuPercent }) => cpuPercent >= USABLE_PERCENT);
  const [low, high] = [steps[above - 1], steps[above]];
  if (low === undefined || high === undefined) return Number.NaN;
  const share = (USABLE_PERCENT - low.cpuPercent) / (high.cpuPercent - low.cpuPercent);
  return low.streams + share * (high.streams - low.streams);
}

/** Cameras are added up to `streams`, each with its viewers. */
async function grow(stage: Stage, streams: number): Promise<void> {
  const from = stage.cameras.count;
  if (streams <= from) return;
  await stage.cameras.add(streams - from);
  const urls = Array.from({ length: (streams - from) * VIEWERS_PER_STREAM }, (_, index) =>
    stage.server.viewerUrl(from + Math.floor(index / VIEWERS_PER_STREAM)),
  );
  await stage.viewers.join(urls, { checking: Math.ceil(urls.length * 0.02) });
}
