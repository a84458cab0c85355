import { descriptorDuplicator, makeCertificate, workerEntry } from '@shardcast/sfu-worker';
import { type Config, type ListenAddress, listenAddress, ShardcastError, type WorkerSettings } from '@shardcast/shared';
import { createApiApp } from './api/app.ts';
import { Authoriser } from './auth/authoriser.ts';
import { candidateAddresses } from './host/candidate-addresses.ts';
import { usableProcessors } from './host/parallelism.ts';
import { createApp } from './http/app.ts';
import type { ProcessState } from './http/health.ts';
import { countRejection } from './http/problem.ts';
import { loadScripts } from './http/scripts.ts';
import { type HttpDoor, listenHttp } from './http/server.ts';
import { LimitedLog } from './logging/limited-log.ts';
import type { Logger } from './logging/logger.ts';
import { createMetricsApp } from './metrics/app.ts';
import { createMetrics } from './metrics/metrics.ts';
import { rulesFromConfig } from './paths/config-rules.ts';
import { PathManager } from './paths/path-manager.ts';
import { WorkerPool } from './pool/worker-pool.ts';
import { RtspServer } from './rtsp/index.ts';
import { WebSocketDoor } from './ws/door.ts';

/** A session without a STUN check for this long is over (RFC 7675 §5.1). */
const CONSENT_TIMEOUT_MS = 30_000;
/** What a bind says that no new attempt will cure. */
const UNUSABLE_ADDRESS = /EADDRINUSE|EADDRNOTAVAIL|EACCES|ENOTFOUND/;
/** A subscriber waits this long for a source that is just starting. */
const START_HOLD_MS = 5000;

export type ServerOptions = {
  readonly config: Config;
  readonly workingDirectory: string;
  readonly version: string;
  readonly log: Logger;
};

/** The running process: doors, path manager, pool. */
export class ShardcastServer {
  /** Where it can be reached, for the line that says so. */
  readonly urls: readonly string[];
  readonly #close: () => Promise<void>;
  readonly #reconfigure: (config: Config) => Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(
    urls: readonly string[],
    close: () => Promise<void>,
    reconfigure: (config: Config) => Promise<void>,
  ) {
    this.urls = urls;
    this.#close = close;
    this.#reconfigure = reconfigure;
  }

  /** @throws ShardcastError CONFIG_INVALID when an address cannot be listened on. */
  static async start({ config, workingDirectory, version, log }: ServerOptions): Promise<ShardcastServer> {
    const startedAt = new Date();
    let state: ProcessState = 'starting';
    const clock = () => performance.now();
    const workers = config.workers === 'auto' ? usableProcessors() : config.workers;
    const settings = await workerSettings(config);
    const closers: (() => Promise<void>)[] = [];

    let allUp: () => void = () => {};
    let cannotStart: (error: ShardcastError) => void = () => {};
    const everyWorkerUp = new Promise<void>((resolve, reject) => {
      allUp = resolve;
      cannotStart = reject;
    });
    everyWorkerUp.catch(() => {}); // awaited below, or never when another door fails first
    const pool = new WorkerPool(
      { workers, entry: workerEntry, settings, heapLimitMb: config.workerHeapLimit / 1024 ** 2, log, clock },
      {
        onUp: (worker) => {
          log.debug({ worker }, 'worker up');
          manager.workerUp(worker);
          if (pool.shards.every((shard) => shard.state === 'up')) allUp();
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
      },
    });
    const shards = () => pool.shards;
    /** What any stranger can make us say. */
    const doorLog = new LimitedLog(log, { perSecond: 5, clock });
    const metrics = createMetrics({ shards, media: manager });
    const authoriser = await Authoriser.create(config, { log: doorLog, clock });
    const { authorise } = authoriser;
    const close = async () => {
      state = 'draining';
      manager.stop();
      for (const each of closers.toReversed()) await each();
      await pool.stop();
    };

    try {
      const app = createApp({
        media: manager,
        config,
        authorise,
        scripts: loadScripts(),
        log,
        shards,
        state: () => state,
        rejections: metrics.rejections,
      });
      const web = await listenHttp(app, listenAddress(config.webrtcAddress), doorLog);
      closers.push(() => web.close());
      const sockets = new WebSocketDoor(web.server, {
        media: manager,
        authorise,
        allowOrigins: config.webrtcAllowOrigins,
        log,
        rejections: metrics.rejections,
      });
      closers.push(async () => sockets.close());
      const admin = await openAdminDoors();
      closers.push(...admin.map((door) => () => door.close()));
      const rtsp = config.rtsp ? await openRtsp(listenAddress(config.rtspAddress)) : undefined;

      pool.start();
      await everyWorkerUp;
      state = 'ready';
      const urls = [
        `http://localhost:${web.port}`,
        ...(rtsp === undefined ? [] : [`rtsp://localhost:${rtsp.port}`]),
        ...admin.map((door) => `${door.name}=http://127.0.0.1:${door.port}`),
      ];
      return new ShardcastServer(urls, close, async (changed) => {
        await authoriser.reconfigure(changed);
        manager.reconfigure(rulesFromConfig(changed, workingDirectory));
      });
    } catch (error) {
      await close();
      throw error;
    }

    async function openAdminDoors(): Promise<(HttpDoor & { name: string })[]> {
      const doors: (HttpDoor & { name: string })[] = [];
      if (config.api) {
        const api = createApiApp({
          media: manager,
          shards,
          authorise,
          log,
          version,
          startedAt,
          kick: (id) => manager.kick(id),
          recycle: async (worker) => pool.shards[worker]?.recycle('an operator asked for it') ?? false,
        });
        doors.push({ ...(await listenHttp(api, listenAddress(config.apiAddress), doorLog)), name: 'api' });
      }
      if (config.metrics) {
        const app = createMetricsApp({ metrics, media: manager, shards, authorise, log });
        doors.push({ ...(await listenHttp(app, listenAddress(config.metricsAddress), doorLog)), name: 'metrics' });
      }
      return doors;
    }

    async function adoptRtsp(...publisher: Parameters<typeof manager.adoptRtsp>): Promise<void> {
      try {
        await manager.adoptRtsp(...publisher);
      } catch (error) {
        if (error instanceof ShardcastError) countRejection(metrics.rejections, error.code);
        throw error;
      }
    }

    async function openRtsp(address: ListenAddress): Promise<RtspServer> {
      const server = new RtspServer({
        host: address.host,
        port: address.port,
        authorise,
        takesDigest: () => authoriser.takesDigest,
        media: { adoptRtsp },
        duplicate: descriptorDuplicator(config),
        log,
      });
      await server.listen();
      closers.push(() => server.close());
      return server;
    }
  }

  /**
   * Takes over the paths of another configuration: those whose source is another begin anew, those that are gone end, the
   * others and their viewers notice nothing. Who may do what is another from here on; sessions that are open stay. All
   * other keys stay as they were at start.
   * @throws ShardcastError CONFIG_INVALID; nothing has changed then
   */
  async reconfigure(config: Config): Promise<void> {
    await this.#reconfigure(config);
  }

  /** Takes nothing new, says goodbye to every peer, ends the threads. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }
}

/** One certificate for all workers; one UDP port each. */
async function workerSettings(config: Config): Promise<(worker: number) => WorkerSettings> {
  const certificate = await makeCertificate();
  const addresses = await candidateAddresses(config);
  const udp = listenAddress(config.webrtcLocalUDPAddress);
  return (worker) => ({
    worker,
    udp: { host: udp.host ?? '', port: udp.port === 0 ? 0 : udp.port + worker },
    candidateAddresses: addresses,
    certificate,
    rtcpIntervalMs: config.rtcpInterval,
    nack: config.nack,
    fastPath: config.fastPath,
    bufferPool: config.bufferPool,
    poolSlots: config.bufferPoolSlots,
    udpMaxPayloadSize: config.udpMaxPayloadSize,
    keyframeCache: {
      maxBytes: config.keyframeCache.enabled ? config.keyframeCache.maxBytes : 0,
      maxAgeMs: config.keyframeCache.maxAge,
    },
    rtspTransports: config.rtspTransports,
    handshakeTimeoutMs: config.webrtcHandshakeTimeout,
    consentTimeoutMs: CONSENT_TIMEOUT_MS,
    readTimeoutMs: config.readTimeout,
    publisherGraceMs: config.publisherGrace,
    logLevel: config.logLevel,
  });
}
