import { ConfigSchema } from '@shardcast/shared/config';
import { pino } from 'pino';
import { Alarms, type AlarmsOptions } from '../src/alarms/alarms.ts';
import { Capacity } from '../src/capacity/capacity.ts';
import { Observer, type ObserverOptions } from '../src/monitor/observer.ts';
import type { Media, ShardView } from '../src/paths/media.ts';

export const EPOCH_SECONDS = 1_700_000_000;

/** An observer whose clock is the test's and whose process costs nothing, unless said otherwise. */
export function testObserver(
  media: Pick<Media, 'paths' | 'sessions'>,
  shards: () => readonly ShardView[],
  more: Partial<ObserverOptions> = {},
): Observer {
  return new Observer({
    media,
    shards,
    limits: { cores: 2, memoryBytes: 4 * 1024 ** 3, fileDescriptors: 1024 },
    clock: () => 0,
    unixMs: () => EPOCH_SECONDS * 1000,
    read: () => ({ cpuSeconds: 0, rssBytes: 100e6, heapBytes: 10e6, activeResources: 10 }),
    descriptors: () => 40,
    ...more,
  });
}

/** Alarms as they come, of a server called `host`, that tell nobody. */
export function testAlarms(
  observer: Observer,
  media: Pick<Media, 'paths'>,
  shards: () => readonly ShardView[],
  more: Partial<AlarmsOptions> = {},
): Alarms {
  return new Alarms({
    observer,
    media,
    shards,
    config: ConfigSchema.parse({}),
    webhooks: [],
    log: pino({ level: 'silent' }),
    clock: () => 0,
    unixMs: () => EPOCH_SECONDS * 1000,
    instance: 'host',
    ...more,
  });
}

/** What API and metrics show of an observer. */
export function testMonitoring(media: Pick<Media, 'paths' | 'sessions'>, shards: () => readonly ShardView[]) {
  const observer = testObserver(media, shards);
  const capacity = new Capacity({
    observer,
    shards,
    linkBitrate: 1e9,
    log: pino({ level: 'silent' }),
    clock: () => 0,
    available: () => 3e9,
  });
  return { observer, capacity, alarms: testAlarms(observer, media, shards) };
}
