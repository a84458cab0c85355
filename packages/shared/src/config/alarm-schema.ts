import { z } from 'zod';
import { duration, list, onOff, ratio, size, whole } from './values.ts';

const WebhookUrl = z
  .string()
  .refine(
    (text) => /^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : ''),
    'expected an http:// or https:// URL',
  );

/** Alarms of the process and its workers, and how long anything is to last before an alarm fires. */
const AlarmsSchema = z.strictObject({
  enabled: onOff().prefault('on').describe('Watch at all.'),
  cpuRatio: ratio().prefault(0.7).describe('CpuHigh: CPU of the process, of what it may use; 0 is never.'),
  cpuFor: duration().prefault('5m').describe('… for so long.'),
  workerCpuRatio: ratio().prefault(0.85).describe('WorkerCpuHigh: CPU of one worker, of one core; 0 is never.'),
  workerCpuFor: duration().prefault('2m').describe('… for so long.'),
  workerDownFor: duration().prefault('10s').describe('WorkerDown: a worker does not serve.'),
  memory: size().prefault('1G').describe('MemoryHigh: resident memory of the process; 0 is never.'),
  memoryFor: duration().prefault('5m').describe('… for so long.'),
  activeResources: whole(0, 10_000_000)
    .prefault(10_000)
    .describe('ResourcesHigh: open handles, requests and timers of all threads; 0 is never.'),
  activeResourcesFor: duration().prefault('5m').describe('… for so long.'),
  fileDescriptorsRatio: ratio().prefault(0.8).describe('FileDescriptorsHigh: of the limit; 0 is never.'),
  fileDescriptorsFor: duration().prefault('1m').describe('… for so long.'),
  cameraLostFor: duration().prefault('10s').describe('CameraLost: a path that the configuration names has no source.'),
  lossFor: duration().prefault('30s').describe('LossHigh: see `alarmLossRatio` of a path.'),
  bitrateFor: duration().prefault('30s').describe('BitrateLow: see `alarmMinBitrate` of a path.'),
  keyframeIntervalFor: duration()
    .prefault('5s')
    .describe('KeyframeIntervalHigh: see `alarmKeyframeInterval` of a path.'),
});
export type AlarmSettings = z.infer<typeof AlarmsSchema>;

export const alarmKeys = {
  alarms: AlarmsSchema.prefault({}).describe(
    'When the server itself raises an alarm: in `/v3/alarms`, the log and the webhooks. What each means and what to do: [runbook.md](runbook.md).',
  ),
  alarmsWebhook: list(WebhookUrl, 'URLs')
    .prefault([])
    .describe("Told of each alarm that fires or is resolved, by a POST with Alertmanager's payload (version 4).")
    .meta({ isSecret: true }),
  alarmsWebhookTimeout: duration(100, 60_000)
    .prefault('5s')
    .describe('For each attempt; there are five, further and further apart.'),
} as const;

/** Thresholds that are a path's own. */
export const pathAlarmKeys = {
  alarmCameraLost: onOff().describe('Raise CameraLost when the path has no source.'),
  alarmLossRatio: ratio().describe('LossHigh: packets of the source that did not come, of those it sent; 0 is never.'),
  alarmMinBitrate: whole(0, 1_000_000_000).describe(
    'BitrateLow: less than so many bits a second of video come; 0 is never.',
  ),
  alarmKeyframeInterval: duration(0, 3_600_000).describe(
    'KeyframeIntervalHigh: longer than that without a keyframe; 0s is never.',
  ),
} as const;
