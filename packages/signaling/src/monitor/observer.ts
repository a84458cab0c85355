import { getHeapStatistics } from 'node:v8';
import type { TypicalCost } from '@shardcast/shared';
import { type HostLimits, openDescriptors } from '../host/limits.ts';
import type { Media, PathInfo, ShardView } from '../paths/media.ts';
import { LoadMeter } from '../placement/load-meter.ts';
import { History } from './history.ts';
import { OVERVIEW_SERIES, type Overview } from './series.ts';
import { StreamMeter, type StreamRates } from './stream-meter.ts';
import { costOf, type MemoryShare, WorkerMemory } from './worker-memory.ts';

const SAMPLE_MS = 1000;
/** Counting descriptors lists a directory: not every second. */
const DESCRIPTORS_MS = 10_000;
/** The process itself, in the meter of the workers. */
const PROCESS = -1;

/** What the process says of itself. */
export type ProcessReading = {
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  /** JavaScript heap of the main thread. */
  readonly heapBytes: number;
  /** Open handles, requests and timers of the main thread. */
  readonly activeResources: number;
};

export type ObserverOptions = {
  readonly media: Pick<Media, 'paths' | 'sessions'>;
  readonly shards: () => readonly ShardView[];
  readonly limits: HostLimits;
  /** Monotonic ms. */
  readonly clock: () => number;
  /** Unix time in ms that never goes back. */
  readonly unixMs: () => number;
  readonly read?: () => ProcessReading;
  readonly descriptors?: () => number | undefined;
};

/** A stream's rates and what it costs. */
export type StreamStats = StreamRates & {
  readonly inboundLost: number;
  readonly keyframes: number;
  readonly secondsSinceKeyframe: number;
  readonly cpuSeconds: number;
  readonly cpuCoresPerViewer: number;
  readonly memoryBytes: number;
  readonly memoryBytesPerViewer: number;
  readonly keyframeCacheBytes: number;
};

/**
 * Looks at the process, its workers and its streams once a second, and remembers: what the API, alarms, the forecast and
 * the dashboard speak of. Reads counters that are there anyway; no worker is asked.
 */
export class Observer {
  readonly history = new History();
  readonly limits: HostLimits;
  /** The newest sample; NaN is not known. */
  overview: Overview;
  /** Packets of all streams a second, and the last second's work: packets sent, and those received by what they cost. */
  totals = { inboundPackets: 0, work: 0 };
  readonly #options: ObserverOptions;
  readonly #read: () => ProcessReading;
  readonly #load = new LoadMeter();
  readonly #memory = new WorkerMemory();
  readonly #meters = new Map<string, StreamMeter>();
  /** Of the newest sample, as far as somebody asked. */
  readonly #stats = new Map<string, StreamStats>();
  readonly #shares = new Map<number, MemoryShare>();
  readonly #listeners: (() => void)[] = [];
  #descriptors = Number.NaN;
  #descriptorsAtMs = Number.NEGATIVE_INFINITY;
  #cpuSeconds = Number.NaN;
  #sampledAtMs = Number.NaN;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#read = options.read ?? readProcess;
    this.limits = options.limits;
    // Every name of the list is a key.
    this.overview = Object.fromEntries(OVERVIEW_SERIES.map((name) => [name, Number.NaN])) as Overview;
  }

  /** Samples in the middle of each second from the next on: half a second of delay leaves no step of the history empty. */
  start(): void {
    this.#timer ??= this.#next();
  }

  /** Idempotent. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): NodeJS.Timeout {
    const toMiddle = SAMPLE_MS - ((this.#options.unixMs() + SAMPLE_MS / 2) % SAMPLE_MS);
    // A timer that came a little early has had this second's sample.
    const waitMs = toMiddle < SAMPLE_MS / 2 ? toMiddle + SAMPLE_MS : toMiddle;
    return setTimeout(() => {
      this.#timer = this.#next();
      this.sample();
    }, waitMs);
  }

  /** Called after each sample. */
  onSample(listener: () => void): void {
    this.#listeners.push(listener);
  }

  sample(): void {
    const { media, clock, unixMs } = this.#options;
    const nowMs = clock();
    const unixSeconds = unixMs() / 1000;
    const paths = media.paths();
    this.#stats.clear();
    this.#sampleWorkers(nowMs);
    this.#sampleStreams(paths, nowMs);
    this.overview = this.#overview(paths, nowMs);
    this.history.addOverview(
      unixSeconds,
      OVERVIEW_SERIES.map((name) => this.overview[name]),
    );
    for (const path of paths) {
      const meter = path.online ? this.#meters.get(path.name) : undefined;
      if (meter === undefined) continue;
      const { inboundBitrate, outboundBitrate, lossRatio } = meter.lastSecond();
      const { cpuCores } = meter.rates(this.#cost(meter.worker));
      this.history.addStream(path.name, unixSeconds, [
        inboundBitrate,
        outboundBitrate,
        lossRatio,
        path.readers,
        cpuCores,
      ]);
    }
    for (const listener of this.#listeners) listener();
  }

  /** CPU of a worker over the last seconds, cores. */
  workerCores(worker: number): number {
    return this.#load.load(worker);
  }

  /** As of the newest sample. Undefined while the path has no worker, or was not seen there yet. */
  stream({ name, readers, worker, slot }: PathInfo): StreamStats | undefined {
    const meter = this.#meters.get(name);
    if (meter === undefined || meter.worker !== worker || meter.slot !== slot) return undefined;
    const known = this.#stats.get(name);
    if (known !== undefined) return known;
    const telemetry = this.#shard(worker)?.telemetry;
    if (telemetry === undefined) return undefined;
    const rates = meter.rates(this.#cost(worker));
    const { stream = 0, viewer = 0 } = this.#shares.get(worker) ?? {};
    const keyframeCacheBytes = telemetry.stream(slot, 'cacheBytes');
    const stats: StreamStats = {
      ...rates,
      inboundLost: telemetry.stream(slot, 'inboundLost'),
      keyframes: telemetry.stream(slot, 'keyframes'),
      secondsSinceKeyframe: meter.secondsSinceKeyframe(this.#sampledAtMs),
      cpuSeconds: telemetry.stream(slot, 'cpuSeconds'),
      cpuCoresPerViewer: readers > 0 ? rates.cpuCoresOfViewers / readers : 0,
      memoryBytes: stream + readers * viewer + keyframeCacheBytes,
      memoryBytesPerViewer: viewer,
      keyframeCacheBytes,
    };
    this.#stats.set(name, stats);
    return stats;
  }

  #shard(worker: number): ShardView | undefined {
    return this.#options.shards().find((shard) => shard.worker === worker);
  }

  #cost(worker: number): TypicalCost {
    return costOf(this.#shard(worker)?.fastPath);
  }

  #sampleWorkers(nowMs: number): void {
    for (const shard of this.#options.shards()) {
      if (shard.state === 'up') this.#load.sample(shard.worker, shard.telemetry.worker('cpuSeconds'), nowMs);
      else this.#load.forget(shard.worker);
      this.#memory.sample(shard);
    }
  }

  #sampleStreams(paths: readonly PathInfo[], nowMs: number): void {
    const gone = new Set(this.#meters.keys());
    const loads = new Map<number, { streams: number; viewers: number; cacheBytes: number }>();
    const shards = new Map(this.#options.shards().map((shard) => [shard.worker, shard]));
    for (const { name, worker, slot, readers } of paths) {
      if (worker === undefined || slot === undefined) continue;
      const telemetry = shards.get(worker)?.telemetry;
      if (telemetry === undefined) continue;
      gone.delete(name);
      let meter = this.#meters.get(name);
      if (meter === undefined || meter.worker !== worker || meter.slot !== slot) {
        meter = new StreamMeter(worker, slot, telemetry, nowMs);
        this.#meters.set(name, meter);
      }
      meter.sample(nowMs);
      const load = loads.get(worker) ?? { streams: 0, viewers: 0, cacheBytes: 0 };
      load.streams++;
      load.viewers += readers;
      load.cacheBytes += telemetry.stream(slot, 'cacheBytes');
      loads.set(worker, load);
    }
    for (const name of gone) this.#meters.delete(name);
    this.#shares.clear();
    for (const [worker, load] of loads) {
      const shard = shards.get(worker);
      if (shard !== undefined) this.#shares.set(worker, this.#memory.share(shard, load, load.cacheBytes));
    }
  }

  #overview(paths: readonly PathInfo[], nowMs: number): Overview {
    const { media, limits, shards } = this.#options;
    const reading = this.#read();
    const seconds = (nowMs - this.#sampledAtMs) / 1000;
    const cpuCores = seconds > 0 ? Math.max(0, reading.cpuSeconds - this.#cpuSeconds) / seconds : Number.NaN;
    this.#sampledAtMs = nowMs;
    this.#cpuSeconds = reading.cpuSeconds;
    this.#load.sample(PROCESS, reading.cpuSeconds, nowMs);
    const workers = shards();
    const sum = (field: 'heapBytes' | 'activeResources') =>
      workers.reduce((total, { telemetry }) => total + telemetry.worker(field), reading[field]);
    const totals = { inbound: 0, outbound: 0, inboundPackets: 0, outboundPackets: 0, lost: 0, sent: 0, work: 0 };
    for (const meter of this.#meters.values()) {
      const cost = this.#cost(meter.worker);
      const rates = meter.rates(cost);
      const second = meter.lastSecond();
      totals.work += second.inboundPackets * cost.inboundWeight + second.outboundPackets;
      totals.inboundPackets += rates.inboundPackets;
      totals.inbound += rates.inboundBitrate;
      totals.outbound += rates.outboundBitrate;
      totals.outboundPackets += rates.outboundPackets;
      const sent = rates.inboundPackets / Math.max(1e-9, 1 - rates.lossRatio);
      totals.sent += sent;
      totals.lost += sent * rates.lossRatio;
    }
    this.totals = { inboundPackets: totals.inboundPackets, work: totals.work };
    return {
      cpuCores,
      cpuRatio: cpuCores / limits.cores,
      rssBytes: reading.rssBytes,
      heapBytes: sum('heapBytes'),
      activeResources: sum('activeResources'),
      eventLoopLagSeconds: Math.max(0, ...workers.map(({ telemetry }) => telemetry.worker('eventLoopLagSeconds'))),
      fileDescriptors: this.#countDescriptors(nowMs),
      paths: paths.length,
      streams: paths.reduce((count, { online }) => count + Number(online), 0),
      viewers: paths.reduce((count, { readers }) => count + readers, 0),
      sessions: media.sessions().length,
      inboundBitrate: totals.inbound,
      outboundBitrate: totals.outbound,
      outboundPackets: totals.outboundPackets,
      lossRatio: totals.sent > 0 ? totals.lost / totals.sent : 0,
    };
  }

  /** CPU of the whole process over the last seconds, cores; steadier than the newest sample. */
  get processCores(): number {
    return this.#load.load(PROCESS);
  }

  #countDescriptors(nowMs: number): number {
    if (nowMs - this.#descriptorsAtMs >= DESCRIPTORS_MS) {
      this.#descriptorsAtMs = nowMs;
      this.#descriptors = (this.#options.descriptors ?? openDescriptors)() ?? Number.NaN;
    }
    return this.#descriptors;
  }
}

function readProcess(): ProcessReading {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    rssBytes: residentBytes(),
    heapBytes: getHeapStatistics().used_heap_size,
    activeResources: process.getActiveResourcesInfo().length,
  };
}

/** NaN when the process has no descriptor left to read it with. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return Number.NaN;
  }
}
