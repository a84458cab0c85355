import { freemem } from 'node:os';
import { MAX_SESSIONS } from '@shardcast/shared';
import type { Logger } from '../logging/logger.ts';
import type { Observer } from '../monitor/observer.ts';
import { costOf } from '../monitor/worker-memory.ts';
import type { ShardView } from '../paths/media.ts';
import { CostModel } from './cost-model.ts';
import { type Forecast, forecast } from './forecast.ts';

const LOG_MS = 60_000;
/** CPU of a set-up, all threads: a second with many of them says nothing about what goes on running. */
const SETUP_SECONDS = 0.005;
const MAX_SETUP_SHARE = 0.1;
/** A room that changed by less is no news. */
const NOTABLE = 0.2;
/** Cost with the optimisations off, of that as it comes: docs/benchmarks.md, 64x1 and memory. */
const ASIS = {
  native: { cpuRatio: 3.05, memoryRatio: 9.3, source: 'docs/benchmarks.md: 64x1 and memory, ASIS / TOBE' },
  portable: { cpuRatio: 1.37, memoryRatio: 2.8, source: 'docs/benchmarks.md: 64x1 and memory, ASIS / TOBE portable' },
} as const;

export type CapacityOptions = {
  readonly observer: Observer;
  readonly shards: () => readonly ShardView[];
  /** Bits a second of the network, undefined when not known. */
  readonly linkBitrate: number | undefined;
  readonly log: Pick<Logger, 'info'>;
  /** Monotonic ms. */
  readonly clock: () => number;
  /** Bytes of the machine's memory that are free. */
  readonly available?: () => number;
};

/** Learns from every sample what the load costs, and says how much more fits: to who asks, and in the log when it changed. */
export class Capacity {
  readonly #options: CapacityOptions;
  readonly #model: CostModel;
  #idleRssBytes = Number.POSITIVE_INFINITY;
  #handshakes = 0;
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #logged: Forecast['room'] | undefined;

  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#model = new CostModel(options.shards().length);
    options.observer.onSample(() => this.#learn());
  }

  /** As of the newest sample. */
  forecast(): Forecast {
    const { observer, linkBitrate, available = freemem } = this.#options;
    const shards = this.#options.shards();
    const { overview, limits, totals } = observer;
    const or0 = (value: number) => (Number.isFinite(value) ? value : 0);
    const fastPath = shards.find((shard) => shard.fastPath !== undefined)?.fastPath ?? 'portable';
    return forecast({
      streams: or0(overview.streams),
      viewers: or0(overview.viewers),
      sessions: or0(overview.sessions),
      inboundPackets: totals.inboundPackets,
      outboundPackets: or0(overview.outboundPackets),
      inboundBitrate: or0(overview.inboundBitrate),
      outboundBitrate: or0(overview.outboundBitrate),
      cpuCores: observer.processCores,
      workerCores: shards.reduce((sum, { worker }) => sum + observer.workerCores(worker), 0),
      workers: shards.length,
      cores: limits.cores,
      rssBytes: or0(overview.rssBytes),
      idleRssBytes: Math.min(this.#idleRssBytes, or0(overview.rssBytes)),
      memoryBytes: limits.memoryBytes,
      availableBytes: available(),
      fileDescriptors: or0(overview.fileDescriptors),
      maxFileDescriptors: limits.fileDescriptors,
      linkBitrate,
      maxSessions: shards.length * MAX_SESSIONS,
      typical: costOf(fastPath),
      idleCores: this.#model.idle,
      cost: this.#model.cost(),
      asis: ASIS[fastPath],
    });
  }

  #learn(): void {
    const { observer, shards, clock } = this.#options;
    const { overview, totals } = observer;
    const handshakes = shards().reduce((sum, { telemetry }) => sum + telemetry.worker('handshakesStarted'), 0);
    const setUpCores = Math.max(0, handshakes - this.#handshakes) * SETUP_SECONDS;
    this.#handshakes = handshakes;
    if (setUpCores <= MAX_SETUP_SHARE * overview.cpuCores) this.#model.add(totals.work, overview.cpuCores);
    this.#idleRssBytes = Math.min(this.#idleRssBytes, overview.rssBytes);
    const nowMs = clock();
    if (nowMs - this.#loggedAtMs < LOG_MS) return;
    this.#loggedAtMs = nowMs;
    this.#say(this.forecast());
  }

  #say({ room, cost, mix }: Forecast): void {
    const before = this.#logged;
    const hasChanged = (what: 'streams' | 'viewers') =>
      before === undefined || Math.abs(room[what] - before[what]) > NOTABLE * Math.max(before[what], 1);
    if (cost.basis === 'typical' || !(hasChanged('streams') || hasChanged('viewers'))) return;
    this.#logged = room;
    this.#options.log.info(
      {
        streams: mix.streams,
        viewers: mix.viewers,
        moreStreams: room.streams,
        moreViewers: room.viewers,
        limitedBy: room.limitedBy.streams,
        cpuPerStream: round(cost.cpuCoresPerStream),
        cpuPerViewer: round(cost.cpuCoresPerViewer),
      },
      'capacity',
    );
  }
}

function round(cores: number): number {
  return Number(cores.toPrecision(3));
}
