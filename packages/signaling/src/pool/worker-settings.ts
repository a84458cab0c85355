import type { WorkerSettings } from '@shardcast/shared';
import { type Config, listenAddress } from '@shardcast/shared/config';
import { candidateAddresses } from '../host/candidate-addresses.ts';

/** A session without a STUN check for this long is over: within RFC 7675's 30 s (§5.1), as deadlines are looked at a few times a second. */
const CONSENT_TIMEOUT_MS = 29_000;

/** Settings that one worker may have to itself, so that it can be compared with the others. */
export const OPTIMISATION_KEYS = ['nack', 'rtcpInterval', 'bufferPool', 'fastPath', 'keyframeCache'] as const;
export type Optimisations = Partial<Pick<Config, (typeof OPTIMISATION_KEYS)[number]>>;

type Fixed = Omit<WorkerSettings, 'worker' | 'udp' | keyof ReturnType<typeof mediaSettings>> & {
  readonly udp: { readonly host: string; readonly port: number };
};

/** What a worker is given at its start. Addresses and the certificate are those of the server's start; the rest is the present. */
export class WorkerSettingsMaker {
  /** Workers that start from here on take it. */
  config: Config;
  readonly #fixed: Fixed;
  readonly #own = new Map<number, Optimisations>();

  private constructor(config: Config, fixed: Fixed) {
    this.config = config;
    this.#fixed = fixed;
  }

  /** @param certificate of all workers: the fingerprint in an answer does not depend on the shard. */
  static async create(config: Config, certificate: WorkerSettings['certificate']): Promise<WorkerSettingsMaker> {
    const udp = listenAddress(config.webrtcLocalUDPAddress);
    return new WorkerSettingsMaker(config, {
      udp: { host: udp.host ?? '', port: udp.port },
      certificate,
      candidateAddresses: await candidateAddresses(config),
      consentTimeoutMs: CONSENT_TIMEOUT_MS,
      publisherGraceMs: config.publisherGrace,
      logLevel: config.logLevel,
    });
  }

  /** One UDP port a worker. */
  make(worker: number): WorkerSettings {
    const { udp, ...fixed } = this.#fixed;
    return {
      worker,
      ...fixed,
      udp: { host: udp.host, port: udp.port === 0 ? 0 : udp.port + worker },
      ...mediaSettings({ ...this.config, ...this.#own.get(worker) }),
    };
  }

  /** What a worker has to itself from its next start on; undefined for nothing. Forgotten when the server ends. */
  setOwn(worker: number, own: Optimisations | undefined): void {
    if (own === undefined) this.#own.delete(worker);
    else this.#own.set(worker, own);
  }
}

function mediaSettings(config: Config) {
  return {
    rtcpIntervalMs: config.rtcpInterval,
    nack: config.nack,
    fastPath: config.fastPath,
    dtls: config.dtls,
    bufferPool: config.bufferPool,
    poolSlots: config.bufferPoolSlots,
    udpMaxPayloadSize: config.udpMaxPayloadSize,
    keyframeCache: {
      maxBytes: config.keyframeCache.enabled ? config.keyframeCache.maxBytes : 0,
      maxAgeMs: config.keyframeCache.maxAge,
    },
    rtspTransports: config.rtspTransports,
    handshakeTimeoutMs: config.webrtcHandshakeTimeout,
    readTimeoutMs: config.readTimeout,
    sourceNetworks: [...config.sourceNetworks],
  } satisfies Partial<WorkerSettings>;
}
