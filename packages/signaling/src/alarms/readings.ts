import { type Config, findPath, type PathConfig } from '@shardcast/shared/config';
import type { Observer } from '../monitor/observer.ts';
import type { PathInfo, ShardView } from '../paths/media.ts';
import type { Reading } from './alarm-book.ts';
import { type AlarmName, forMs } from './rules.ts';

/** The keys that alarms follow. */
export type AlarmConfig = Pick<Config, 'alarms' | 'paths' | 'pathDefaults'>;

type Add = (
  name: AlarmName,
  labels: Reading['labels'],
  value: number,
  threshold: number,
  more?: Pick<Reading, 'isBad' | 'detail'>,
) => void;

type PathThresholds = {
  /** The configuration names the path and wants it there always, so it is missed. */
  readonly isMissed: boolean;
  readonly isPulled: boolean;
  readonly lossRatio: number;
  readonly minBitrate: number;
  readonly keyframeSeconds: number;
};

/** Reads what alarms are about out of what was observed. */
export class Readings {
  #config: AlarmConfig;
  readonly #thresholds = new Map<string, PathThresholds>();
  /** Named paths that wait for a publisher are missed only once they had one. */
  readonly #wasOnline = new Set<string>();
  readonly #offlineSinceMs = new Map<string, number>();

  constructor(config: AlarmConfig) {
    this.#config = config;
  }

  reconfigure(config: AlarmConfig): void {
    this.#config = config;
    this.#thresholds.clear();
  }

  get config(): AlarmConfig {
    return this.#config;
  }

  /** Everything that a rule with a threshold looks at now; nothing while alarms are off. */
  read(
    observer: Pick<Observer, 'overview' | 'limits' | 'workerCores' | 'stream'>,
    shards: readonly ShardView[],
    paths: readonly PathInfo[],
    nowMs: number,
  ): Reading[] {
    const { alarms } = this.#config;
    const { overview, limits } = observer;
    if (!alarms.enabled) return [];
    const readings: Reading[] = [];
    const add: Add = (name, labels, value, threshold, more) => {
      if (Number.isFinite(value))
        readings.push({ name, labels, value, threshold, forMs: forMs(name, alarms), ...more });
    };
    if (alarms.cpuRatio > 0) add('CpuHigh', {}, overview.cpuRatio, alarms.cpuRatio);
    if (alarms.memory > 0) add('MemoryHigh', {}, overview.rssBytes, alarms.memory);
    if (alarms.activeResources > 0) add('ResourcesHigh', {}, overview.activeResources, alarms.activeResources);
    if (alarms.fileDescriptorsRatio > 0 && limits.fileDescriptors !== undefined) {
      const used = overview.fileDescriptors / limits.fileDescriptors;
      add('FileDescriptorsHigh', {}, used, alarms.fileDescriptorsRatio);
    }
    for (const { worker, state } of shards) {
      const labels = { worker: String(worker) };
      add('WorkerDown', labels, state === 'up' ? 0 : 1, 0, { isBad: state !== 'up' });
      if (alarms.workerCpuRatio > 0) add('WorkerCpuHigh', labels, observer.workerCores(worker), alarms.workerCpuRatio);
    }
    for (const path of paths) this.#readPath(path, observer, nowMs, add);
    this.#forget(paths);
    return readings;
  }

  #readPath(info: PathInfo, observer: Pick<Observer, 'stream'>, nowMs: number, add: Add): void {
    const { name, online, reason } = info;
    const limits = this.#thresholdsOf(name);
    const labels = { path: name };
    if (online) {
      this.#wasOnline.add(name);
      this.#offlineSinceMs.delete(name);
    }
    if (limits.isMissed && (limits.isPulled || this.#wasOnline.has(name))) {
      const sinceMs = this.#offlineSinceMs.get(name) ?? nowMs;
      if (!online) this.#offlineSinceMs.set(name, sinceMs);
      const threshold = this.#config.alarms.cameraLostFor / 1000;
      add('CameraLost', labels, (nowMs - sinceMs) / 1000, threshold, { isBad: !online, detail: reason });
    }
    const stats = online ? observer.stream(info) : undefined;
    if (stats === undefined) return;
    if (limits.lossRatio > 0) add('LossHigh', labels, stats.lossRatio, limits.lossRatio);
    if (!info.tracks.some(({ kind, skipped }) => kind === 'video' && skipped === undefined)) return;
    if (limits.minBitrate > 0) add('BitrateLow', labels, stats.inboundBitrate, limits.minBitrate);
    if (limits.keyframeSeconds > 0)
      add('KeyframeIntervalHigh', labels, stats.secondsSinceKeyframe, limits.keyframeSeconds);
  }

  #thresholdsOf(name: string): PathThresholds {
    const known = this.#thresholds.get(name);
    if (known !== undefined) return known;
    const found = findPath(this.#config, name);
    const thresholds: PathThresholds = {
      isMissed: found?.confName === name && found.config.alarmCameraLost && !isOnDemand(found.config),
      isPulled: found !== undefined && found.config.source !== 'publisher',
      lossRatio: found?.config.alarmLossRatio ?? 0,
      minBitrate: found?.config.alarmMinBitrate ?? 0,
      keyframeSeconds: (found?.config.alarmKeyframeInterval ?? 0) / 1000,
    };
    this.#thresholds.set(name, thresholds);
    return thresholds;
  }

  #forget(paths: readonly PathInfo[]): void {
    if (this.#thresholds.size <= paths.length) return;
    const names = new Set(paths.map(({ name }) => name));
    for (const each of [this.#thresholds, this.#offlineSinceMs])
      for (const name of each.keys()) if (!names.has(name)) each.delete(name);
    for (const name of this.#wasOnline) if (!names.has(name)) this.#wasOnline.delete(name);
  }
}

function isOnDemand({ source, sourceOnDemand }: PathConfig): boolean {
  return source !== 'publisher' && sourceOnDemand;
}
