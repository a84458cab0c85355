import { descriptorDuplicator } from '@shardcast/sfu-worker';
import { ShardcastError } from '@shardcast/shared';
import { type Config, listenAddress } from '@shardcast/shared/config';
import type { Express, Router } from 'express';
import type { Alarms } from './alarms/alarms.ts';
import { createApiApp } from './api/app.ts';
import type { Authoriser } from './auth/authoriser.ts';
import type { Capacity } from './capacity/capacity.ts';
import type { ConfigStore } from './config/config-store.ts';
import { loadDashboard } from './dashboard/files.ts';
import { dashboard } from './dashboard/routes.ts';
import { DescriptorBudget } from './host/descriptor-budget.ts';
import { createApp } from './http/app.ts';
import type { ProcessState } from './http/health.ts';
import { countRejection } from './http/problem.ts';
import { loadScripts } from './http/scripts.ts';
import { type HttpDoor, listenHttp } from './http/server.ts';
import { LimitedLog, type LineLog } from './logging/limited-log.ts';
import type { LogRing } from './logging/log-ring.ts';
import type { Logger } from './logging/logger.ts';
import { createMetricsApp } from './metrics/app.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import type { Observer } from './monitor/observer.ts';
import type { PathManager } from './paths/path-manager.ts';
import { recycleWorker } from './pool/recycle.ts';
import type { WorkerPool } from './pool/worker-pool.ts';
import { OPTIMISATION_KEYS, type WorkerSettingsMaker } from './pool/worker-settings.ts';
import { createProfilesApp } from './profiles/app.ts';
import { sourceNaming } from './profiles/naming.ts';
import { Profiler } from './profiles/profiler.ts';
import { profiledThreads } from './profiles/threads.ts';
import { RtspServer } from './rtsp/index.ts';
import { CertificateFiles } from './tls/certificate-files.ts';
import { WebSocketDoor } from './ws/door.ts';

export type DoorsOptions = {
  readonly config: Config;
  readonly configStore: ConfigStore | undefined;
  /** Of relative file names. */
  readonly workingDirectory: string;
  readonly manager: PathManager;
  readonly pool: WorkerPool;
  readonly observer: Observer;
  readonly workerSettings: WorkerSettingsMaker;
  readonly alarms: Alarms;
  readonly capacity: Capacity;
  readonly authoriser: Authoriser;
  readonly state: () => ProcessState;
  readonly version: string;
  readonly startedAt: Date;
  readonly log: Logger;
  /** What `log` wrote last; without it there is no `/v3/log`. */
  readonly logRing: LogRing | undefined;
  /** Monotonic ms. */
  readonly clock: () => number;
};

/** Everything that listens for TCP connections in this thread: HTTP, WebSocket, RTSP, API, metrics and profiles. */
export class Doors {
  readonly #options: DoorsOptions;
  /** What any stranger can make us say. */
  readonly #doorLog: LineLog;
  readonly #metrics: Metrics;
  readonly #descriptors: DescriptorBudget;
  readonly #profiler: Profiler;
  readonly #certificates = new Map<string, CertificateFiles>();
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #urls: string[] = [];

  /** @throws ShardcastError CONFIG_INVALID when an address cannot be listened on or a certificate cannot be read. */
  static async open(options: DoorsOptions): Promise<Doors> {
    const doors = new Doors(options);
    try {
      await doors.#openAll();
      return doors;
    } catch (error) {
      await doors.close();
      throw error;
    }
  }

  private constructor(options: DoorsOptions) {
    const { pool, manager, observer, alarms, capacity, log, clock } = options;
    this.#options = options;
    this.#descriptors = new DescriptorBudget({ clock });
    this.#doorLog = new LimitedLog(log, { perSecond: 5, clock });
    this.#profiler = new Profiler({
      threads: profiledThreads(() => pool.shards),
      nameOf: sourceNaming(),
      now: Date.now,
    });
    this.#metrics = createMetrics({ shards: () => pool.shards, media: manager, observer, alarms, capacity });
  }

  /** Where they can be reached, for the line that says so. */
  get urls(): readonly string[] {
    return this.#urls;
  }

  /** Certificates that changed are taken. */
  refresh(): void {
    for (const certificate of this.#certificates.values()) certificate.check();
  }

  /** The last that was opened first. Idempotent. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close();
  }

  async #openAll(): Promise<void> {
    const { config } = this.#options;
    await this.#openWeb();
    if (config.rtsp) await this.#openRtsp();
    if (config.api) await this.#openAdmin('api', this.#apiApp(config.apiTrustedProxies));
    if (config.metrics) await this.#openAdmin('metrics', this.#metricsApp());
    if (config.pprof) await this.#openAdmin('pprof', this.#profilesApp(config.pprofTrustedProxies));
  }

  async #openWeb(): Promise<void> {
    const { config, manager, pool, authoriser, state, log } = this.#options;
    const { rejections } = this.#metrics;
    const { authorise } = authoriser;
    const shards = () => pool.shards;
    const app = createApp({
      media: manager,
      config,
      authorise,
      scripts: loadScripts(),
      log,
      shards,
      state,
      rejections,
      ...(config.dashboard ? { dashboard: this.#dashboard() } : {}),
    });
    const door = await this.#listen('webrtc', app);
    const allowOrigins = config.webrtcAllowOrigins;
    const trustedProxies = config.webrtcTrustedProxies;
    const sockets = new WebSocketDoor(door.server, {
      media: manager,
      authorise,
      allowOrigins,
      trustedProxies,
      log,
      rejections,
    });
    this.#closers.push(() => sockets.close());
    this.#urls.push(`${door.scheme}://localhost:${door.port}`);
  }

  async #openAdmin(name: 'api' | 'metrics' | 'pprof', app: Express): Promise<void> {
    const door = await this.#listen(name, app);
    this.#urls.push(`${name}=${door.scheme}://127.0.0.1:${door.port}`);
  }

  async #listen(name: 'webrtc' | 'api' | 'metrics' | 'pprof', app: Express): Promise<HttpDoor> {
    const { config } = this.#options;
    const certificate = config[`${name}Encryption`]
      ? this.#certificate(config[`${name}ServerKey`], config[`${name}ServerCert`])
      : undefined;
    const admits = () => this.#descriptors.admits();
    const door = await listenHttp(app, listenAddress(config[`${name}Address`]), this.#doorLog, { certificate, admits });
    this.#closers.push(() => door.close());
    return door;
  }

  #dashboard(): Router {
    const { config, authoriser } = this.#options;
    const api = this.#apiApp(config.webrtcTrustedProxies);
    const profiles = config.pprof ? this.#profilesApp(config.webrtcTrustedProxies) : undefined;
    return dashboard({ authorise: authoriser.authorise, files: loadDashboard(), api, profiles });
  }

  #apiApp(trustedProxies: readonly string[]): Express {
    const {
      config,
      configStore,
      manager,
      pool,
      workerSettings,
      observer,
      alarms,
      capacity,
      authoriser,
      log,
      logRing,
      version,
      startedAt,
    } = this.#options;
    return createApiApp({
      ...(configStore === undefined ? {} : { configStore }),
      ...(logRing === undefined ? {} : { logRing }),
      media: manager,
      diagnosis: () => {
        const { keyframeCache, nack } = configStore?.config ?? config;
        return { cacheMaxAgeMs: keyframeCache.enabled ? keyframeCache.maxAge : 0, nack };
      },
      shards: () => pool.shards,
      observer,
      alarms,
      capacity,
      authorise: authoriser.authorise,
      trustedProxies,
      log,
      version,
      startedAt,
      kick: (id) => manager.kick(id),
      recycle: async (worker) => recycleWorker(pool.shards, worker),
      ...(configStore === undefined
        ? {}
        : {
            optimise: async (worker, written) => {
              const own = configStore.valuesOf(OPTIMISATION_KEYS, written);
              return recycleWorker(pool.shards, worker, () =>
                workerSettings.setOwn(worker, Object.keys(own).length > 0 ? own : undefined),
              );
            },
          }),
    });
  }

  #metricsApp(): Express {
    const { config, manager, pool, authoriser, log } = this.#options;
    return createMetricsApp({
      metrics: this.#metrics,
      media: manager,
      shards: () => pool.shards,
      authorise: authoriser.authorise,
      trustedProxies: config.metricsTrustedProxies,
      log,
    });
  }

  #profilesApp(trustedProxies: readonly string[]): Express {
    const { authoriser, log } = this.#options;
    return createProfilesApp({
      profiler: this.#profiler,
      authorise: authoriser.authorise,
      trustedProxies,
      log,
    });
  }

  async #openRtsp(): Promise<void> {
    const { config } = this.#options;
    const { rtspEncryption, rtspAddress, rtspsAddress, rtspServerKey, rtspServerCert } = config;
    if (rtspEncryption !== 'strict') this.#urls.push(`rtsp://localhost:${await this.#listenRtsp(rtspAddress)}`);
    if (rtspEncryption === 'no') return;
    const certificate = this.#certificate(rtspServerKey, rtspServerCert);
    this.#urls.push(`rtsps://localhost:${await this.#listenRtsp(rtspsAddress, certificate)}`);
  }

  async #listenRtsp(address: string, certificate?: CertificateFiles): Promise<number> {
    const { config, manager, authoriser, log } = this.#options;
    const { rejections } = this.#metrics;
    const server = new RtspServer({
      ...listenAddress(address),
      authorise: authoriser.authorise,
      takesDigest: () => authoriser.takesDigest,
      media: {
        adoptRtsp: async (...publisher) => {
          try {
            await manager.adoptRtsp(...publisher);
          } catch (error) {
            if (error instanceof ShardcastError) countRejection(rejections, error.code);
            throw error;
          }
        },
      },
      certificate,
      admits: () => this.#descriptors.admits(),
      duplicate: descriptorDuplicator(config),
      log,
    });
    this.#closers.push(() => server.close());
    await server.listen();
    return server.port;
  }

  /** Doors with the same files share what watches them. */
  #certificate(key: string, cert: string): CertificateFiles {
    const { workingDirectory, log } = this.#options;
    const name = JSON.stringify([key, cert]);
    const known = this.#certificates.get(name);
    if (known !== undefined) return known;
    const certificate = new CertificateFiles({ key, cert, directory: workingDirectory, log });
    this.#certificates.set(name, certificate);
    this.#closers.push(() => certificate.close());
    return certificate;
  }
}
