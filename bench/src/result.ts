import type { SrtpProfile } from '@shardcast/sfu-worker/peer';
import type { Intake } from './camera-crew.ts';
import type { Contender } from './contenders.ts';
import type { Sample } from './stage.ts';

/** What a run has in common for all workloads. */
export type Settings = {
  /** Length of a measured window. */
  readonly seconds: number;
  /** Length of a soak. */
  readonly minutes: number;
  readonly profiles: readonly SrtpProfile[];
  readonly nodeArgs: readonly string[];
};

/** Numbers under the names of the columns that they are printed in. */
export type Figures = Readonly<Record<string, number>>;

/** What a workload says of one server. */
export type Measurement = {
  readonly figures: Figures;
  /** For `--profile`: the server's process, and the measured window. */
  readonly profiled?: { readonly pid: number; readonly from: number; readonly to: number };
  /** More for the JSON. */
  readonly details?: unknown;
};

export type Workload = {
  readonly name: string;
  /** Run without `--all`. */
  readonly isQuick: boolean;
  readonly intake: Intake;
  /** Runs only when it is named. */
  readonly isOnDemand?: boolean;
  /** Contenders that take part; all that know the intake without it. */
  readonly only?: readonly string[];
  /** As `only`, without `--all`. */
  readonly quickOnly?: readonly string[];
  /** The column whose ratios between servers are printed. */
  readonly ratioOf: string;
  readonly measure: (contender: Contender, settings: Settings) => Promise<Measurement>;
};

export type Result = Measurement & {
  readonly workload: string;
  readonly server: string;
};

/** The columns that all workloads with media share. */
export function figuresOf(sample: Sample): Figures {
  return {
    'us/packet': sample.cpuMicroseconds,
    'packets/s': sample.packetsPerSecond,
    'CPU %': sample.cpuPercent,
    'generator %': sample.generatorPercent,
    'others %': sample.othersPercent,
    'delivered %': sample.deliveredPercent,
    packets: sample.packets,
    lost: sample.lost,
    disordered: sample.disordered,
    bad: sample.bad,
    'p50 ms': sample.latencyMs.p50,
    'p99 ms': sample.latencyMs.p99,
    'max ms': sample.latencyMs.max,
    'lag ms': sample.viewerLagMs,
    'RTCP/s': sample.rtcpPerSecond,
  };
}
