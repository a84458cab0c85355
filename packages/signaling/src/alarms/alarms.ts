import type { Logger } from '../logging/logger.ts';
import type { Observer } from '../monitor/observer.ts';
import type { Media, ShardView } from '../paths/media.ts';
import { type Alarm, AlarmBook } from './alarm-book.ts';
import { type AlarmConfig, Readings } from './readings.ts';
import { ALARM_RULES, type AlarmName, type AlarmRule, forMs } from './rules.ts';
import { alertPayload, type Webhook } from './webhook.ts';

export type AlarmsOptions = {
  readonly observer: Observer;
  readonly media: Pick<Media, 'paths'>;
  readonly shards: () => readonly ShardView[];
  readonly config: AlarmConfig;
  readonly webhooks: readonly Webhook[];
  readonly log: Pick<Logger, 'warn' | 'info'>;
  /** Monotonic ms. */
  readonly clock: () => number;
  /** Unix ms now. */
  readonly unixMs: () => number;
  /** This server's name, for whoever has several. */
  readonly instance: string;
};

/** A rule with the thresholds of this configuration. */
export type RuleInForce = AlarmRule & {
  readonly enabled: boolean;
  readonly threshold: number;
  readonly forSeconds: number;
};

/** Looks at every sample of the observer, keeps the book, and says what is news: log and webhooks. */
export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #book = new AlarmBook();
  readonly #readings: Readings;

  constructor(options: AlarmsOptions) {
    this.#options = options;
    this.#readings = new Readings(options.config);
    options.observer.onSample(() => this.#look());
  }

  /** Thresholds and durations are others from here on. */
  reconfigure(config: AlarmConfig): void {
    this.#readings.reconfigure(config);
  }

  /** Gives up what webhooks were not told. */
  close(): void {
    for (const webhook of this.#options.webhooks) webhook.close();
  }

  /** The worst first. */
  list(): Alarm[] {
    return this.#book.list();
  }

  count(state: Alarm['state']): number {
    return this.#book.count(state);
  }

  /** Unix ms of a time of an alarm. */
  unixMs(ms: number): number {
    const { clock, unixMs } = this.#options;
    return unixMs() - clock() + ms;
  }

  rules(): RuleInForce[] {
    const { alarms, pathDefaults } = this.#readings.config;
    const thresholds: Readonly<Record<AlarmName, number>> = {
      CpuHigh: alarms.cpuRatio,
      WorkerCpuHigh: alarms.workerCpuRatio,
      WorkerDown: 0,
      MemoryHigh: alarms.memory,
      ResourcesHigh: alarms.activeResources,
      FileDescriptorsHigh: alarms.fileDescriptorsRatio,
      CameraLost: alarms.cameraLostFor / 1000,
      LossHigh: pathDefaults.alarmLossRatio,
      BitrateLow: pathDefaults.alarmMinBitrate,
      KeyframeIntervalHigh: pathDefaults.alarmKeyframeInterval / 1000,
    };
    // Every key of the table is one of its names.
    return (Object.keys(ALARM_RULES) as AlarmName[]).map((name) => {
      const threshold = thresholds[name];
      const isOn = name === 'WorkerDown' || (name === 'CameraLost' ? pathDefaults.alarmCameraLost : threshold > 0);
      return {
        name,
        ...ALARM_RULES[name],
        enabled: alarms.enabled && isOn,
        threshold,
        forSeconds: forMs(name, alarms) / 1000,
      };
    });
  }

  #look(): void {
    const { observer, media, shards, webhooks, log, clock, instance } = this.#options;
    const nowMs = clock();
    const news = this.#book.update(this.#readings.read(observer, shards(), media.paths(), nowMs), nowMs);
    if (news.length === 0) return;
    for (const { name, labels, state, value, threshold, detail } of news) {
      const { severity, advice } = ALARM_RULES[name];
      const about = { alarm: name, ...labels, severity, value, threshold, ...(detail === undefined ? {} : { detail }) };
      if (state === 'firing') log.warn({ ...about, advice }, 'alarm firing');
      else log.info(about, 'alarm resolved');
    }
    const payload = alertPayload(news, instance, (ms) => new Date(this.unixMs(ms)).toISOString());
    for (const webhook of webhooks) webhook.send(payload);
  }
}
