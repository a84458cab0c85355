import { cpuSecondsOf, machineCpuSeconds, residentBytesOf } from '@shardcast/load';
import type { SrtpProfile } from '@shardcast/sfu-worker/peer';
import { lostOf, percentile, type Tally } from './audience.ts';
import { AudienceHost } from './audience-host.ts';
import { CameraCrew, type Intake } from './camera-crew.ts';
import type { Contender, ServerOptions } from './contenders.ts';
import { PullCameras } from './pull-camera.ts';
import type { ServerUnderTest } from './server-under-test.ts';

/** The processor of the server, and the one of everything else. */
export const SERVER_PROCESSOR = '0';
export const GENERATOR_PROCESSOR = '1';

export type StageOptions = Omit<ServerOptions, 'processors'> & {
  readonly processors?: string;
  readonly intake: Intake;
  readonly profiles: readonly SrtpProfile[];
};

/** What was measured in a window. */
export type Sample = {
  readonly seconds: number;
  /** RTP packets that reached viewers. */
  readonly packets: number;
  /** By gaps in the viewers' sequence numbers, and by frames that cameras could not get rid of. */
  readonly lost: number;
  readonly lossShare: number;
  /** Of what the cameras wrote for all viewers: less where the server does not keep up, and holds packets back. */
  readonly deliveredPercent: number;
  readonly disordered: number;
  /** Packets that do not authenticate, or are not what the camera sent. */
  readonly bad: number;
  readonly checked: number;
  readonly packetsPerSecond: number;
  /** CPU time of the whole server process a packet that reached a viewer, us. */
  readonly cpuMicroseconds: number;
  readonly cpuSeconds: number;
  /** Of one processor. */
  readonly cpuPercent: number;
  /** Of cameras, viewers and sinks, of one processor: near 100 they are the limit. */
  readonly generatorPercent: number;
  /** Of everything else on the machine, of one processor, in ticks of 10 ms: a disturbed run has much of it. */
  readonly othersPercent: number;
  readonly rtcpPerSecond: number;
  /** As `Tally.lagMs`. */
  readonly viewerLagMs: number;
  /** Of frames: from the camera's write to the arrival of the last packet, ms. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
};

/** A server with its cameras and viewers, for the time of one measurement. */
export class Stage {
  readonly server: ServerUnderTest;
  readonly cameras: CameraCrew;
  readonly viewers: AudienceHost;
  readonly profiles: readonly SrtpProfile[];

  static async open(contender: Contender, options: StageOptions): Promise<Stage> {
    const pulled = options.intake === 'pull' ? await PullCameras.listen() : undefined;
    const paths = Array.from({ length: pulled === undefined ? 0 : options.streams }, (_, i) => `cam${i}`);
    const sources = paths.map((path) => `--paths.${path}.source=${pulled?.url(path)}`);
    const server = await contender.start({
      processors: SERVER_PROCESSOR,
      ...options,
      flags: [...(options.flags ?? []), ...sources],
    });
    return new Stage(server, new CameraCrew(server, options.intake, pulled), options.profiles);
  }

  private constructor(server: ServerUnderTest, cameras: CameraCrew, profiles: readonly SrtpProfile[]) {
    this.server = server;
    this.cameras = cameras;
    this.profiles = profiles;
    this.viewers = new AudienceHost(profiles);
  }

  /** Addresses of `count` viewers, spread over the streams in turn. */
  urls(count: number, streams: number, from = 0): string[] {
    return Array.from({ length: count }, (_, i) => this.server.viewerUrl((from + i) % streams));
  }

  residentBytes(): number {
    return residentBytesOf(this.server.pid);
  }

  cpuSeconds(): number {
    return cpuSecondsOf(this.server.pid);
  }

  /** Measures what runs for so many seconds, or until `time` resolves. */
  async observe(time: number | Promise<unknown>): Promise<Sample> {
    await this.viewers.reset();
    const before = this.#account();
    await (typeof time === 'number' ? sleep(time * 1000) : time);
    const after = this.#account();
    const tally = await this.viewers.tally();
    return sampleOf(tally, before, after, this.viewers.viewers / Math.max(1, this.cameras.count));
  }

  async close(): Promise<void> {
    this.cameras.pause();
    await this.viewers.close();
    this.cameras.close();
    await this.server.stop();
  }

  #account(): Account {
    return {
      atMs: performance.now(),
      cpuSeconds: this.cpuSeconds(),
      generatorSeconds: this.viewers.cpuSeconds() + cpuSecondsOf(process.pid),
      machineSeconds: machineCpuSeconds(),
      sentPackets: this.cameras.rtpPackets,
      skippedPackets: this.cameras.skippedPackets,
    };
  }
}

type Account = {
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly generatorSeconds: number;
  readonly machineSeconds: number;
  readonly sentPackets: number;
  readonly skippedPackets: number;
};

function sampleOf(tally: Tally, before: Account, after: Account, viewersPerStream: number): Sample {
  const seconds = (after.atMs - before.atMs) / 1000;
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  const generatorSeconds = after.generatorSeconds - before.generatorSeconds;
  const otherSeconds = after.machineSeconds - before.machineSeconds - cpuSeconds - generatorSeconds;
  const lost = lostOf(tally) + (after.skippedPackets - before.skippedPackets) * viewersPerStream;
  return {
    seconds,
    packets: tally.received,
    lost,
    lossShare: lost / Math.max(1, tally.received + lost),
    deliveredPercent: (100 * tally.received) / ((after.sentPackets - before.sentPackets) * viewersPerStream),
    disordered: tally.disordered,
    bad: tally.rejected + tally.wrong,
    checked: tally.marked,
    packetsPerSecond: tally.received / seconds,
    cpuMicroseconds: (cpuSeconds * 1e6) / tally.received,
    cpuSeconds,
    cpuPercent: (100 * cpuSeconds) / seconds,
    generatorPercent: (100 * generatorSeconds) / seconds,
    othersPercent: Math.max(0, (100 * otherSeconds) / seconds),
    viewerLagMs: tally.lagMs,
    rtcpPerSecond: tally.rtcp / seconds,
    latencyMs: {
      p50: percentile(tally.latenciesMs, 0.5),
      p99: percentile(tally.latenciesMs, 0.99),
      max: percentile(tally.latenciesMs, 1),
    },
  };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
