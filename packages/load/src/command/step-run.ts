import type { Cameras } from '../cameras/cameras.ts';
import { bitrateText, msText, percentText } from '../report/format.ts';
import { delayName, type Point, type RampLevel, type Report, type StepReport } from '../report/report.ts';
import type { Failure } from '../thread-calls.ts';
import { cpuSecondsOf, residentBytesOf } from '../traffic/process-account.ts';
import { Audience, type Sample } from '../viewers/audience.ts';
import { Histogram } from '../viewers/histogram.ts';
import { addCounts, lostOf } from '../viewers/stream-meter.ts';
import type { ViewerSettings } from '../viewers/viewer.ts';
import { numbered, type Plan, type Step } from './arguments.ts';
import type { Progress } from './progress.ts';
import { sleep } from './sleep.ts';
import { stepReport } from './step-report.ts';

export type StepContext = {
  readonly step: Step;
  readonly plan: Plan;
  readonly limits: Report['limits'];
  readonly threads: number;
  /** With `{}` for the stream's number. */
  readonly whep: string;
  readonly settings: ViewerSettings;
  /** What is watched, when it is ours; it is publishing already. */
  readonly cameras: Cameras | undefined;
  /** Of a server of its own. */
  readonly serverPid: number | undefined;
  readonly progress: Progress;
  /** Ctrl-C: what was measured so far is the result. */
  readonly stop: AbortSignal;
};

/** What a step's measured time gave. */
export type Window = {
  readonly seconds: number;
  readonly delays: Histogram;
  readonly lagMs: number;
  readonly generatorCpuSeconds: number;
  readonly server: { readonly cpuSeconds: number; readonly residentBytes: number } | undefined;
  /** RTP packets that cameras could not get rid of. */
  readonly skipped: number | undefined;
  /** Cameras whose connection the server ended. */
  readonly gone: number | undefined;
};

const SECOND_MS = 1000;
/** A server needs a moment from a camera's first packets to its stream. */
const STREAM_MS = 5000;
const RETRY_MS = 250;
/** Of a ramp, after viewers came. */
const SETTLE_SECONDS = 1;

/** One measurement: viewers join, are watched for some time, and leave. */
export class StepRun {
  readonly #context: StepContext;
  readonly #audience: Audience;
  readonly #failures = new Map<string, number>();
  readonly #timeline: Point[] = [];
  readonly #delays = new Histogram();
  #joined = 0;
  #asked = 0;
  #last: { readonly sample: Sample; readonly atMs: number } | undefined;
  #lagMs = 0;
  /** Of the timeline. */
  #beganMs = 0;

  constructor(context: StepContext) {
    this.#context = context;
    this.#audience = new Audience(context.threads, context.settings);
  }

  /** Whoever joined has left when it is over, whatever happens. */
  async measure(): Promise<StepReport> {
    try {
      return await this.#measure();
    } finally {
      await this.#audience.leave().catch(() => {});
      await this.#audience.close();
    }
  }

  async #measure(): Promise<StepReport> {
    const { step, plan, cameras, serverPid } = this.#context;
    const { rampStep } = plan;
    this.#beganMs = performance.now();
    const isOpen = await this.#joinFirst();
    if (isOpen && rampStep === undefined) {
      await this.#joinUpTo(step.viewers);
      await this.#pause(plan.warmupSeconds);
    }
    await this.#audience.mark();
    // Together with the viewers' counts, so that all are of the same time.
    const beganMs = performance.now();
    const cpuBefore = serverPid === undefined ? undefined : accountOf(serverPid);
    const generatorBefore = process.cpuUsage();
    const camerasBefore = await cameras?.sample();
    await this.#observe(true);

    let ramp: StepReport['ramp'] = null;
    if (isOpen && this.#joined > 0) {
      if (rampStep === undefined) await this.#watch(plan.seconds, () => {});
      else ramp = await this.#ramp(rampStep);
    }

    const results = await this.#audience.results();
    const seconds = (performance.now() - beganMs) / SECOND_MS;
    const cpuAfter = serverPid === undefined ? undefined : accountOf(serverPid);
    const generator = process.cpuUsage(generatorBefore);
    const camerasAfter = await cameras?.sample();
    const window: Window = {
      seconds,
      delays: this.#delays,
      lagMs: this.#lagMs,
      generatorCpuSeconds: (generator.user + generator.system) / 1e6,
      server:
        cpuBefore === undefined || cpuAfter === undefined
          ? undefined
          : { cpuSeconds: cpuAfter.cpuSeconds - cpuBefore.cpuSeconds, residentBytes: cpuAfter.residentBytes },
      skipped: camerasBefore && camerasAfter && camerasAfter.skipped - camerasBefore.skipped,
      gone: camerasAfter?.gone,
    };
    const failures = [...this.#failures].map(([reason, count]) => ({ reason, count }));
    return stepReport({
      step,
      hasMarks: this.#context.settings.hasMarks,
      failures,
      results,
      window,
      ramp,
      timeline: this.#timeline,
    });
  }

  /** One alone, so that what is wrong for all is said once. @returns whether it got in */
  async #joinFirst(): Promise<boolean> {
    const { cameras, stop, progress, step } = this.#context;
    const deadlineMs = performance.now() + (cameras === undefined ? 0 : STREAM_MS);
    progress.show(`${step.name}, joining`, 0, `0 of ${step.viewers}`);
    for (;;) {
      const failure = await this.#join([0]);
      if (failure === undefined) return true;
      const isEarly = failure.status >= 400 && performance.now() < deadlineMs;
      if (!isEarly || stop.aborted) {
        this.#count(failure);
        return false;
      }
      await sleep(RETRY_MS);
    }
  }

  async #joinUpTo(viewers: number): Promise<void> {
    const { plan, stop, progress, step } = this.#context;
    while (this.#asked < viewers && !stop.aborted) {
      const count = Math.min(plan.atOnce, viewers - this.#asked);
      const failure = await this.#join(Array.from({ length: count }, (_, i) => this.#asked + i));
      if (failure !== undefined) this.#count(failure);
      progress.show(`${step.name}, joining`, this.#asked / viewers, `${this.#joined} of ${viewers}`);
    }
  }

  /** @returns the last failure of a single viewer; those of more are counted here */
  async #join(numbers: readonly number[]): Promise<Failure | undefined> {
    const { whep, step } = this.#context;
    const seats = numbers.map((number) => ({ number, url: numbered(whep, number % step.streams) }));
    const failures = await this.#audience.join(seats);
    this.#joined += seats.length - failures.length;
    this.#asked = Math.max(this.#asked, (numbers.at(-1) ?? 0) + 1);
    for (const failure of failures.slice(1)) this.#count(failure);
    return failures[0];
  }

  #count({ message }: Failure): void {
    this.#failures.set(message, (this.#failures.get(message) ?? 0) + 1);
  }

  /** Level by level, until a limit is passed or all are there. */
  async #ramp(rampStep: number): Promise<NonNullable<StepReport['ramp']>> {
    const { step, plan, limits, settings, stop } = this.#context;
    const levels: RampLevel[] = [];
    let heldViewers = 0;
    let endedBy: string | null = null;
    let wanted = 0;
    while (wanted < step.viewers && endedBy === null && !stop.aborted) {
      wanted = Math.min(step.viewers, wanted + rampStep);
      const failed = this.#asked - this.#joined;
      await this.#joinUpTo(wanted);
      await this.#watch(SETTLE_SECONDS, () => {});
      const delays = new Histogram();
      let [lost, expected] = [0, 0];
      const whole = await this.#watch(plan.seconds, (point, sample, gone) => {
        delays.merge(sample.delays);
        lost += gone.lost;
        expected += gone.expected;
        return point;
      });
      if (!whole) break; // a part of a level says nothing
      const lossPercent = expected === 0 ? 0 : (100 * lost) / expected;
      const delayP99Ms = delays.percentile(0.99) ?? null;
      if (this.#asked - this.#joined > failed) endedBy = 'viewers that do not get in';
      else if (expected === 0) endedBy = 'no packets';
      else if (lossPercent > limits.maxLossPercent) endedBy = `loss of ${percentText(lossPercent)}`;
      else if (limits.maxDelayMs !== null && (delayP99Ms ?? 0) > limits.maxDelayMs) {
        endedBy = `${delayName(settings.hasMarks ? 'latency' : 'variation')} p99 of ${msText(delayP99Ms)}`;
      }
      levels.push({ viewers: this.#joined, lossPercent, delayP99Ms, held: endedBy === null });
      if (endedBy === null) heldViewers = this.#joined;
    }
    return { levels, heldViewers, endedBy };
  }

  /** Looks once a second. @returns false when it was interrupted */
  async #watch(
    seconds: number,
    look: (point: Point, sample: Sample, gone: { lost: number; expected: number }) => void,
  ): Promise<boolean> {
    const { stop, progress, step, plan } = this.#context;
    const beganMs = performance.now();
    for (let i = 1; i <= Math.ceil(seconds); i++) {
      const dueMs = beganMs + Math.min(i, seconds) * SECOND_MS;
      await sleep(dueMs - performance.now(), stop);
      if (stop.aborted) return false;
      const seen = await this.#observe();
      if (seen === undefined) continue;
      look(seen.point, seen.sample, seen.gone);
      const { viewers, bitrateBps, lossPercent, delayP99Ms, jitterMs } = seen.point;
      const delay = delayP99Ms === null ? `jitter ${msText(jitterMs)}` : `p99 ${msText(delayP99Ms)}`;
      const text = `${viewers} viewers, ${bitrateText(bitrateBps)}, loss ${percentText(lossPercent)}, ${delay}`;
      const share = plan.rampStep === undefined ? i / Math.ceil(seconds) : viewers / step.viewers;
      progress.show(step.name, share, text);
    }
    return true;
  }

  /** @param isFirst only to count from here */
  async #observe(isFirst = false) {
    const before = this.#last;
    const sample = await this.#audience.sample();
    const atMs = performance.now();
    this.#last = { sample, atMs };
    if (before === undefined || isFirst) return undefined;
    const counts = addCounts({ ...sample.counts }, before.sample.counts, -1);
    const seconds = (atMs - before.atMs) / SECOND_MS;
    const lost = lostOf(counts);
    this.#delays.merge(sample.delays);
    this.#lagMs = Math.max(this.#lagMs, sample.lagMs);
    const point: Point = {
      atSeconds: (atMs - this.#beganMs) / SECOND_MS,
      viewers: sample.viewers,
      bitrateBps: (counts.bytes * 8) / seconds,
      packetsPerSecond: counts.received / seconds,
      lossPercent: counts.expected === 0 ? 0 : (100 * lost) / counts.expected,
      delayP50Ms: sample.delays.percentile(0.5) ?? null,
      delayP99Ms: sample.delays.percentile(0.99) ?? null,
      jitterMs: sample.jitterMs,
    };
    this.#timeline.push(point);
    return { point, sample, gone: { lost, expected: counts.expected } };
  }

  async #pause(seconds: number): Promise<void> {
    const { progress, step, stop } = this.#context;
    progress.show(`${step.name}, warming up`, 0, `${seconds} s`);
    await sleep(seconds * SECOND_MS, stop);
  }
}

/** Undefined where the system does not say it, or the process is gone. */
function accountOf(pid: number): { readonly cpuSeconds: number; readonly residentBytes: number } | undefined {
  try {
    return { cpuSeconds: cpuSecondsOf(pid), residentBytes: residentBytesOf(pid) };
  } catch {
    return undefined;
  }
}
