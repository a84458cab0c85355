import type { AlarmSettings } from '@shardcast/shared/config';

export type AlarmSeverity = 'warning' | 'critical';
export type AlarmUnit = 'ratio' | 'bytes' | 'count' | 'seconds' | 'bit/s';

/** What an alarm is about, as it comes. Thresholds and durations are the configuration's. */
export type AlarmRule = {
  readonly name: string;
  readonly scope: 'process' | 'worker' | 'path';
  /** On which side of its threshold a value is bad. */
  readonly comparison: 'above' | 'below';
  readonly unit: AlarmUnit;
  readonly severity: AlarmSeverity;
  readonly summary: string;
  /** What to do, in few words; docs/runbook.md has more. */
  readonly advice: string;
  /** The key of `alarms` that says how long it is to last. */
  readonly forKey: Extract<keyof AlarmSettings, `${string}For`>;
};

export const ALARM_RULES = {
  CpuHigh: {
    scope: 'process',
    comparison: 'above',
    unit: 'ratio',
    severity: 'warning',
    summary: 'The process uses most of the CPU that it may use',
    advice: 'scale out: another host or more cores; see /v3/capacity',
    forKey: 'cpuFor',
  },
  WorkerCpuHigh: {
    scope: 'worker',
    comparison: 'above',
    unit: 'ratio',
    severity: 'warning',
    summary: 'A worker uses most of its core',
    advice: 'scale out, or recycle the worker: its streams are placed anew',
    forKey: 'workerCpuFor',
  },
  WorkerDown: {
    scope: 'worker',
    comparison: 'above',
    unit: 'count',
    severity: 'critical',
    summary: 'A worker does not serve',
    advice: 'read the log for what ended it',
    forKey: 'workerDownFor',
  },
  MemoryHigh: {
    scope: 'process',
    comparison: 'above',
    unit: 'bytes',
    severity: 'warning',
    summary: 'The process holds much memory',
    advice: 'leak? compare /v3/history with the number of streams, take /debug/pprof/heap twice',
    forKey: 'memoryFor',
  },
  ResourcesHigh: {
    scope: 'process',
    comparison: 'above',
    unit: 'count',
    severity: 'warning',
    summary: 'Many handles and timers are open',
    advice: 'leak? /debug/pprof/workers says of what kind they are',
    forKey: 'activeResourcesFor',
  },
  FileDescriptorsHigh: {
    scope: 'process',
    comparison: 'above',
    unit: 'ratio',
    severity: 'critical',
    summary: 'Most file descriptors are in use',
    advice: 'raise the limit (ulimit -n, LimitNOFILE=), or scale out',
    forKey: 'fileDescriptorsFor',
  },
  CameraLost: {
    scope: 'path',
    comparison: 'above',
    unit: 'seconds',
    severity: 'critical',
    summary: 'A camera has no picture',
    advice: 'check the camera, its power and the network to it',
    forKey: 'cameraLostFor',
  },
  LossHigh: {
    scope: 'path',
    comparison: 'above',
    unit: 'ratio',
    severity: 'warning',
    summary: 'Packets of a camera are lost on their way',
    advice: 'check the network to the camera; pull it by TCP',
    forKey: 'lossFor',
  },
  BitrateLow: {
    scope: 'path',
    comparison: 'below',
    unit: 'bit/s',
    severity: 'warning',
    summary: 'Little video comes from a camera',
    advice: 'check the encoder: it may show nothing, or be starved',
    forKey: 'bitrateFor',
  },
  KeyframeIntervalHigh: {
    scope: 'path',
    comparison: 'above',
    unit: 'seconds',
    severity: 'warning',
    summary: 'A camera sends keyframes rarely',
    advice: 'set a GOP of one or two seconds in the camera',
    forKey: 'keyframeIntervalFor',
  },
} as const satisfies Record<string, Omit<AlarmRule, 'name'>>;
export type AlarmName = keyof typeof ALARM_RULES;

/** How long a rule's condition lasts before it fires, ms. */
export function forMs(name: AlarmName, settings: AlarmSettings): number {
  return settings[ALARM_RULES[name].forKey];
}

/** Where an operator reads on. */
export function runbookOf(name: AlarmName): string {
  return `docs/runbook.md#${name.toLowerCase()}`;
}
