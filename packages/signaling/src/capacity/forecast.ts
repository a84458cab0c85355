import type { TypicalCost } from '@shardcast/shared';
import type { Cost } from './cost-model.ts';

/** A camera of 1 Mbit/s, which docs/benchmarks.md measures with. */
export const TYPICAL_MIX = { packetsPerSecond: 109, bitrate: 1_000_000 } as const;
const TABLE_STREAMS = [64, 100, 150, 200, 300, 500] as const;
/** What of a resource is used before it is full: the report's for CPU. */
export const USABLE = { cpu: 0.7, memory: 0.9, bandwidth: 0.9, descriptors: 0.9, sessions: 1 } as const;
/** RTP bytes become so many on the wire: SRTP, UDP, IP and Ethernet around some 1,200 bytes. */
const WIRE = 1.07;
/** One connection a camera. */
const DESCRIPTORS_PER_STREAM = 1;

export type ResourceName = 'cpu' | 'worker-cpu' | 'memory' | 'bandwidth' | 'file-descriptors' | 'sessions';

/** Everything that a forecast follows from. */
export type ForecastInput = {
  readonly streams: number;
  readonly viewers: number;
  readonly sessions: number;
  /** Totals a second. */
  readonly inboundPackets: number;
  readonly outboundPackets: number;
  readonly inboundBitrate: number;
  readonly outboundBitrate: number;
  readonly cpuCores: number;
  /** Of all workers together. */
  readonly workerCores: number;
  readonly workers: number;
  readonly cores: number;
  readonly rssBytes: number;
  /** Resident memory when nothing was streamed. */
  readonly idleRssBytes: number;
  readonly memoryBytes: number;
  /** Of the machine, that nobody uses. */
  readonly availableBytes: number;
  readonly fileDescriptors: number;
  readonly maxFileDescriptors: number | undefined;
  /** Bits a second in each direction. */
  readonly linkBitrate: number | undefined;
  readonly maxSessions: number;
  readonly typical: TypicalCost;
  readonly idleCores: number;
  /** What was learned; undefined while nothing was. */
  readonly cost: Cost | undefined;
  /** What runs with the optimisations off costs as many times as much. */
  readonly asis: { readonly cpuRatio: number; readonly memoryRatio: number; readonly source: string };
};

export type Limit = {
  readonly resource: ResourceName;
  readonly unit: 'cores' | 'bytes' | 'bit/s' | 'count';
  readonly used: number;
  readonly usable: number | null;
  readonly total: number | null;
  /** How many more fit; null where no limit is known. */
  readonly streams: number | null;
  readonly viewers: number | null;
};

/** How much more fits, and what that follows from. Pure. */
export function forecast(input: ForecastInput) {
  const mix = mixOf(input);
  const cost = costOf(input, mix);
  const limits = limitsOf(input, mix, cost);
  const streams = tightest(limits, 'streams');
  const viewers = tightest(limits, 'viewers');
  return {
    mix: {
      streams: input.streams,
      viewers: input.viewers,
      viewersPerStream: mix.viewersPerStream,
      inboundBitratePerStream: mix.inboundBitrate,
      outboundBitratePerViewer: mix.outboundBitrate,
    },
    cost,
    limits,
    room: {
      streams: streams.count,
      viewers: viewers.count,
      limitedBy: { streams: streams.resource, viewers: viewers.resource },
    },
    table: TABLE_STREAMS.map((count) => tableRow(count, input, mix, cost)),
    asis: { ...input.asis },
  };
}
export type Forecast = ReturnType<typeof forecast>;

type Mix = {
  readonly viewersPerStream: number;
  readonly inboundPackets: number;
  readonly outboundPackets: number;
  readonly inboundBitrate: number;
  readonly outboundBitrate: number;
};

/** A stream as there are now, and a viewer of one; of the benchmark's camera while there is none. */
function mixOf(input: ForecastInput): Mix {
  const { streams, viewers } = input;
  const isThere = streams > 0 && input.inboundPackets > 0;
  const inboundPackets = isThere ? input.inboundPackets / streams : TYPICAL_MIX.packetsPerSecond;
  const inboundBitrate = isThere ? input.inboundBitrate / streams : TYPICAL_MIX.bitrate;
  const isWatched = viewers > 0 && input.outboundPackets > 0;
  return {
    viewersPerStream: isThere ? viewers / streams : 1,
    inboundPackets,
    inboundBitrate,
    outboundPackets: isWatched ? input.outboundPackets / viewers : inboundPackets,
    outboundBitrate: isWatched ? input.outboundBitrate / viewers : inboundBitrate,
  };
}

function costOf({ typical, cost, ...input }: ForecastInput, mix: Mix) {
  const perUnit = cost?.perUnit ?? typical.packetOutSeconds;
  return {
    basis: cost === undefined ? ('typical' as const) : ('measured' as const),
    cpuCoresPerStream: perUnit * typical.inboundWeight * mix.inboundPackets,
    cpuCoresPerViewer: perUnit * mix.outboundPackets,
    cpuCoresIdle: cost?.base ?? input.idleCores,
    ...memoryCost({ typical, cost, ...input }),
    fileDescriptorsPerStream: DESCRIPTORS_PER_STREAM,
    samples: cost?.samples ?? 0,
  };
}
type CostShown = ReturnType<typeof costOf>;

/** Resident memory says little of few streams, and what the collector has not given back says too much. */
function memoryCost({ typical, rssBytes, idleRssBytes, streams, viewers }: ForecastInput) {
  const expected = streams * typical.streamBytes + viewers * typical.viewerBytes;
  const grown = Math.max(0, rssBytes - idleRssBytes);
  const scale = streams + viewers < 10 ? 1 : Math.min(4, Math.max(0.5, grown / expected));
  return { memoryBytesPerStream: typical.streamBytes * scale, memoryBytesPerViewer: typical.viewerBytes * scale };
}

function limitsOf(input: ForecastInput, mix: Mix, cost: CostShown): Limit[] {
  const { cores, workers, workerCores, cpuCores, memoryBytes, rssBytes, linkBitrate } = input;
  const limit = (
    resource: ResourceName,
    unit: Limit['unit'],
    used: number,
    total: number | undefined,
    usable: number | undefined,
    perStream: number,
    perViewer: number,
  ): Limit => {
    const room = usable === undefined ? undefined : Math.max(0, usable - used);
    const fits = (each: number) => (room === undefined || each <= 0 ? null : Math.floor(room / each));
    return {
      resource,
      unit,
      used,
      usable: usable ?? null,
      total: total ?? null,
      streams: fits(perStream + mix.viewersPerStream * perViewer),
      viewers: fits(perViewer),
    };
  };
  const { cpuCoresPerStream, cpuCoresPerViewer } = cost;
  // The rest is main's and V8's own threads'.
  const ofWorkers = cpuCores > 0 ? Math.min(1, workerCores / cpuCores) : 1;
  const memoryUsable = Math.min(USABLE.memory * memoryBytes, rssBytes + USABLE.memory * input.availableBytes);
  const outbound = mix.viewersPerStream * mix.outboundBitrate;
  const isMoreOut = outbound >= mix.inboundBitrate;
  return [
    limit('cpu', 'cores', cpuCores, cores, USABLE.cpu * cores, cpuCoresPerStream, cpuCoresPerViewer),
    limit(
      'worker-cpu',
      'cores',
      workerCores,
      workers,
      USABLE.cpu * workers,
      cpuCoresPerStream * ofWorkers,
      cpuCoresPerViewer * ofWorkers,
    ),
    limit('memory', 'bytes', rssBytes, memoryBytes, memoryUsable, cost.memoryBytesPerStream, cost.memoryBytesPerViewer),
    limit(
      'bandwidth',
      'bit/s',
      Math.max(input.inboundBitrate, input.outboundBitrate) * WIRE,
      linkBitrate,
      linkBitrate === undefined ? undefined : USABLE.bandwidth * linkBitrate,
      isMoreOut ? 0 : mix.inboundBitrate * WIRE,
      isMoreOut ? mix.outboundBitrate * WIRE : 0,
    ),
    limit(
      'file-descriptors',
      'count',
      input.fileDescriptors,
      input.maxFileDescriptors,
      input.maxFileDescriptors === undefined ? undefined : USABLE.descriptors * input.maxFileDescriptors,
      DESCRIPTORS_PER_STREAM,
      0,
    ),
    limit('sessions', 'count', input.sessions, input.maxSessions, USABLE.sessions * input.maxSessions, 1, 1),
  ];
}

/** The resource that ends first. */
function tightest(limits: readonly Limit[], what: 'streams' | 'viewers'): { count: number; resource: ResourceName } {
  let found = { count: Number.MAX_SAFE_INTEGER, resource: 'cpu' as ResourceName };
  for (const limit of limits) {
    const count = limit[what];
    if (count !== null && count < found.count) found = { count, resource: limit.resource };
  }
  return found;
}

function tableRow(streams: number, input: ForecastInput, mix: Mix, cost: CostShown) {
  const viewers = Math.round(streams * mix.viewersPerStream);
  const load = streams * cost.cpuCoresPerStream + viewers * cost.cpuCoresPerViewer;
  const memory = streams * cost.memoryBytesPerStream + viewers * cost.memoryBytesPerViewer;
  const row = (cpuRatio: number, memoryRatio: number) => {
    const cpuCores = cost.cpuCoresIdle + load * cpuRatio;
    const rssBytes = input.idleRssBytes + memory * memoryRatio;
    const fits =
      cpuCores <= USABLE.cpu * Math.min(input.cores, input.workers) && rssBytes <= USABLE.memory * input.memoryBytes;
    return { cpuCores, cpuRatio: cpuCores / input.cores, rssBytes, fits };
  };
  return { streams, viewers, asis: row(input.asis.cpuRatio, input.asis.memoryRatio), tobe: row(1, 1) };
}
