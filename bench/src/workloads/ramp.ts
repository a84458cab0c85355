import { figuresOf, type Workload } from '../result.ts';
import { type Sample, Stage, sleep } from '../stage.ts';
import { TOBE } from './tobe.ts';

const FIRST = 40;
const CHECKING_FIRST = 20;
/** Of the viewers of later steps one in this many checks content. */
const CHECKING_SHARE = 0.05;
const WARM_UP_MS = 2000;
/** A step's viewers join, then it comes to rest, then it is measured. */
const STEP_REST_MS = 1500;
const STEP_SECONDS = 2.5;
/** The first guess of the knee is from the first step; up to here in one go. */
const SAFE_SHARE = 0.6;
const STEP_SHARE = 0.12;
/** A step fails when it fails so often: what else runs on the machine disturbs one now and then. */
const ATTEMPTS = 3;
const MAX_STEPS = 25;
/** Janus wants its mountpoints named beforehand. */
const MAX_STREAMS = 1500;
const MAX_LOSS_SHARE = 0.001;
const MAX_P99_MS = 100;
const GENERATOR_LIMIT_PERCENT = 92;

/** Adds viewers of one stream, or streams with a viewer each, until packets are lost or late. */
export function ramp(name: string, kind: 'viewers' | 'streams', isQuick: boolean): Workload {
  return {
    name,
    isQuick,
    intake: 'tcp',
    only: kind === 'viewers' ? ['stock werift', ...TOBE, 'janus'] : [...TOBE, 'janus'],
    quickOnly: ['shardcast TOBE'],
    ratioOf: 'packets/s',
    measure: async (contender, { profiles, nodeArgs }) => {
      const streams = kind === 'viewers' ? 1 : MAX_STREAMS;
      const stage = await Stage.open(contender, { streams, intake: 'tcp', profiles, nodeArgs });
      try {
        if (kind === 'viewers') await stage.cameras.add(1);
        return await climb(stage, kind);
      } finally {
        await stage.close();
      }
    },
  };
}

async function climb(stage: Stage, kind: 'viewers' | 'streams') {
  const steps: (Sample & { readonly viewers: number })[] = [];
  let best: (typeof steps)[number] | undefined;
  let add = FIRST;
  let end = 'out of steps';
  for (let step = 0; step < MAX_STEPS; step++) {
    const from = stage.viewers.viewers;
    if (kind === 'streams') await stage.cameras.add(add);
    const urls = stage.urls(add, kind === 'streams' ? MAX_STREAMS : 1, from);
    const checking = step === 0 ? CHECKING_FIRST : Math.ceil(add * CHECKING_SHARE);
    try {
      await stage.viewers.join(urls, { checking });
    } catch (error) {
      end = `join failed: ${error instanceof Error ? error.message : error}`;
      break;
    }
    await sleep(step === 0 ? WARM_UP_MS : STEP_REST_MS);
    let fault: string | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const sample = { ...(await stage.observe(STEP_SECONDS)), viewers: stage.viewers.viewers };
      steps.push(sample);
      fault = faultOf(sample);
      if (fault !== undefined) continue;
      best = sample;
      break;
    }
    if (fault !== undefined || best === undefined) {
      end = fault ?? end;
      break;
    }
    const knee = (100 / best.cpuPercent) * best.viewers;
    add = Math.ceil(Math.max(knee * SAFE_SHARE - best.viewers, knee * STEP_SHARE));
  }
  const last = steps.at(-1);
  if (best === undefined || last === undefined) throw new Error(`no step went well: ${end}`);
  if (last.generatorPercent > GENERATOR_LIMIT_PERCENT) end += ', and the generator was busy: a lower bound';
  console.error(`  knee at ${best.viewers} viewers: ${end}`);
  return {
    figures: { viewers: best.viewers, 'packets/s/core': 1e6 / best.cpuMicroseconds, ...figuresOf(best) },
    details: { end, steps },
  };
}

function faultOf({ lossShare, latencyMs: { p99 } }: Sample): string | undefined {
  if (lossShare > MAX_LOSS_SHARE) return `loss ${(100 * lossShare).toFixed(2)} %`;
  return p99 > MAX_P99_MS ? `p99 ${p99.toFixed(0)} ms` : undefined;
}
