import { availableParallelism, cpus, release, type } from 'node:os';
import { Cameras } from '../cameras/cameras.ts';
import { problemsOf, type Report, type StepReport } from '../report/report.ts';
import { GOP_SECONDS } from '../traffic/packets.ts';
import { withoutSecrets } from '../traffic/signalling.ts';
import { numbered, type Plan, type Step } from './arguments.ts';
import { localAddressTo } from './local-address.ts';
import { OwnServer } from './own-server.ts';
import type { Progress } from './progress.ts';
import { sleep } from './sleep.ts';
import { StepRun } from './step-run.ts';

export type PlanRun = {
  readonly plan: Plan;
  readonly serverEntry: string;
  readonly version: string;
  readonly progress: Progress;
  readonly stop: AbortSignal;
};

const MAX_THREADS = 4;

/** Measures step by step. What cannot be measured is a problem in the report, not an exception. */
export async function runPlan({ plan, serverEntry, version, progress, stop }: PlanRun): Promise<Report> {
  const startedAt = new Date().toISOString();
  const { maxLossPercent, maxDelayMs } = plan;
  const limits = { maxLossPercent, maxDelayMs: Number.isFinite(maxDelayMs) ? maxDelayMs : null };
  const steps: StepReport[] = [];
  const problems: string[] = [];
  for (const step of plan.steps) {
    if (stop.aborted) break;
    try {
      const report = await runStep(step, { plan, serverEntry, version, progress, stop }, limits);
      steps.push(report);
      // Interrupted before all had joined is no fault of the server.
      if (!stop.aborted) problems.push(...problemsOf(report, limits));
    } catch (error) {
      problems.push(`${step.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const { target } = plan;
  return {
    tool: 'shardcast bench',
    version,
    startedAt,
    target: {
      kind: target.kind,
      whep: target.kind === 'own' ? null : withoutSecrets(target.whep),
      publish: target.kind === 'own' || target.publish === undefined ? null : withoutSecrets(target.publish),
      serverArguments: target.kind === 'own' ? target.serverArguments : [],
    },
    host: {
      cpu: cpus()[0]?.model ?? 'unknown',
      processors: availableParallelism(),
      system: `${type()} ${release()}`,
      node: process.version,
    },
    limits,
    bitrateBps: target.kind === 'own' || target.publish !== undefined ? plan.bitrateBps : null,
    steps,
    interrupted: stop.aborted,
    passed: problems.length === 0 && !stop.aborted,
    problems,
  };
}

async function runStep(step: Step, run: PlanRun, limits: Report['limits']): Promise<StepReport> {
  const { plan, serverEntry, progress, stop } = run;
  const { target, authorization, bitrateBps } = plan;
  const server = target.kind === 'own' ? await OwnServer.start(serverEntry, target.serverArguments) : undefined;
  const whep = target.kind === 'own' ? `${server?.web}/bench{}/whep` : target.whep;
  const publish = target.kind === 'own' ? `${server?.rtsp}/bench{}` : target.publish;
  const cameras = publish === undefined ? undefined : new Cameras();
  try {
    if (cameras !== undefined && publish !== undefined) {
      progress.show(`${step.name}, publishing`, 0, `${step.streams} streams`);
      const urls = Array.from({ length: step.streams }, (_, stream) => numbered(publish, stream));
      const entry = /^http/i.test(publish) ? { authorization, ...(await localAddressTo(publish)) } : {};
      await cameras.publish({ urls, bitrateBps, entry });
      // Cameras begin anywhere in their group of pictures. Of a stream that runs, all have had a keyframe.
      await sleep(GOP_SECONDS * 1000, stop);
    }
    const settings = {
      authorization,
      ...(await localAddressTo(whep)),
      hasAudio: !plan.isVideoOnly,
      hasMarks: cameras !== undefined,
      timeoutMs: plan.timeoutSeconds * 1000,
    };
    const threads = Math.min(step.viewers, plan.threads > 0 ? plan.threads : threadsThatFit());
    const serverPid = server?.pid;
    return await new StepRun({
      step,
      plan,
      limits,
      threads,
      whep,
      settings,
      cameras,
      serverPid,
      progress,
      stop,
    }).measure();
  } finally {
    await cameras?.close();
    await server?.stop();
  }
}

/** The rest is for cameras, and for a server that is here. */
function threadsThatFit(): number {
  return Math.min(MAX_THREADS, Math.max(1, availableParallelism() - 1));
}
