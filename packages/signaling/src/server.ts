import { ShardcastError } from '@shardcast/shared';
import type { Config } from '@shardcast/shared/config';
import { createAlarms } from './alarms/create-alarms.ts';
import { Authoriser } from './auth/authoriser.ts';
import { Capacity } from './capacity/capacity.ts';
import type { ConfigStore } from './config/config-store.ts';
import { Doors } from './doors.ts';
import { hostLimits } from './host/limits.ts';
import { linkBitrate } from './host/link-speed.ts';
import type { ProcessState } from './http/health.ts';
import { LimitedLog } from './logging/limited-log.ts';
import type { LogRing } from './logging/log-ring.ts';
import type { Logger } from './logging/logger.ts';
import { Observer } from './monitor/observer.ts';
import { rulesFromConfig } from './paths/config-rules.ts';
import { PathManager } from './paths/path-manager.ts';
import { WorkerPool } from './pool/worker-pool.ts';
import { WorkerSettingsMaker } from './pool/worker-settings.ts';
import type { WorkerThreads } from './pool/worker-threads.ts';

/** What a bind says that no new attempt will cure. */
const UNUSABLE_ADDRESS = /EADDRINUSE|EADDRNOTAVAIL|EACCES|ENOTFOUND/;
/** A subscriber waits this long for a source that is just starting. */
const START_HOLD_MS = 5000;

export type ServerOptions = {
  readonly config: Config;
  /** Those of the pool, one a worker; the server ends them. */
  readonly threads: WorkerThreads;
  /** What the API reads and changes; without it there is no `/v3/config`. */
  readonly configStore?: ConfigStore;
  readonly workingDirectory: string;
  readonly version: string;
  readonly log: Logger;
  /** What `log` wrote last, for the API. */
  readonly logRing?: LogRing;
};

/** The running process: doors, path manager, pool. */
export class ShardcastServer {
  /** Where it can be reached, for the line that says so. */
  readonly urls: readonly string[];
  readonly #close: () => Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(urls: readonly string[], close: () => Promise<void>) {
    this.urls = urls;
    this.#close = close;
  }

  /** @throws ShardcastError CONFIG_INVALID when an address cannot be listened on. */
  static async start({
    config,
    threads,
    configStore,
    workingDirectory,
    version,
    log,
    logRing,
  }: ServerOptions): Promise<ShardcastServer> {
    const startedAt = new Date();
    let state: ProcessState = 'starting';
    const clock = () => performance.now();
    const unixMs = () => performance.timeOrigin + performance.now();
    const { workers } = threads;
    const settings = await WorkerSettingsMaker.create(config, await threads.makeCertificate());

    let allUp: () => void = () => {};
    let cannotStart: (error: ShardcastError) => void = () => {};
    const everyWorkerUp = new Promise<void>((resolve, reject) => {
      allUp = resolve;
      cannotStart = reject;
    });
    everyWorkerUp.catch(() => {}); // awaited below, or never when another door fails first
    const pool = new WorkerPool(
      {
        threads,
        settings: (worker) => settings.make(worker),
        log,
        clock,
      },
      {
        onUp: (worker) => {
          const { fastPath, fastPathDetail } = pool.shards[worker] ?? {};
          log.debug({ worker, fastPath, ...fastPathDetail }, 'worker up');
          manager.workerUp(worker);
          if (!pool.shards.every((shard) => shard.state === 'up')) return;
          if (state === 'starting') log.info({ workers, fastPath, ...fastPathDetail }, 'every worker is up');
          allUp();
        },
        onLost: (worker, loss) => {
          if (state === 'starting' && UNUSABLE_ADDRESS.test(loss.reason)) {
            const where = config.webrtcLocalUDPAddress;
            cannotStart(
              new ShardcastError('CONFIG_INVALID', `webrtcLocalUDPAddress ${where}, worker ${worker}: ${loss.reason}`),
            );
          }
          manager.workerLost(worker, loss);
        },
        onEvent: (worker, event) => manager.workerEvent(worker, event),
      },
    );
    const manager = new PathManager({
      shards: pool.shards,
      rules: rulesFromConfig(config, workingDirectory),
      log,
      clock,
      startHoldMs: START_HOLD_MS,
      publisherGraceMs: config.publisherGrace,
      limits: {
        connectingPerClient: config.maxConnectingPerClient,
        connectingPerWorker: config.maxConnectingPerWorker,
        publishersPerClient: config.maxPublishersPerClient,
        readersPerClient: config.maxReadersPerClient,
        sessions: config.maxSessions,
      },
    });
    const authoriser = await Authoriser.create(config, { log: new LimitedLog(log, { perSecond: 5, clock }), clock });
    const observer = new Observer({
      media: manager,
      shards: () => pool.shards,
      limits: hostLimits(),
      clock,
      unixMs,
    });
    const alarms = createAlarms(config, { observer, media: manager, shards: () => pool.shards, log, clock, unixMs });
    const capacity = new Capacity({
      observer,
      shards: () => pool.shards,
      linkBitrate: config.linkBitrate > 0 ? config.linkBitrate : linkBitrate(),
      log,
      clock,
    });
    let doors: Doors | undefined;
    configStore?.attach({
      preview: (changed) => manager.preview(rulesFromConfig(changed, workingDirectory)),
      async apply(changed) {
        await authoriser.reconfigure(changed);
        manager.reconfigure(rulesFromConfig(changed, workingDirectory));
        doors?.refresh();
        settings.config = changed;
        alarms.reconfigure(changed);
      },
    });
    const close = async () => {
      state = 'draining';
      observer.close();
      alarms.close();
      manager.stop();
      await doors?.close();
      await pool.stop();
    };
    try {
      doors = await Doors.open({
        config,
        configStore,
        workingDirectory,
        manager,
        pool,
        observer,
        workerSettings: settings,
        alarms,
        capacity,
        authoriser,
        state: () => state,
        version,
        startedAt,
        log,
        logRing,
        clock,
      });
      pool.start();
      await everyWorkerUp;
      state = 'ready';
      observer.start();
      return new ShardcastServer(doors.urls, close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Takes nothing new, says goodbye to every peer, ends the threads. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }
}
