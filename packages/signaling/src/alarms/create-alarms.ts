import { hostname } from 'node:os';
import type { Config } from '@shardcast/shared/config';
import { LimitedLog } from '../logging/limited-log.ts';
import type { Logger } from '../logging/logger.ts';
import { Alarms, type AlarmsOptions } from './alarms.ts';
import { Webhook } from './webhook.ts';

/** The alarms of a configuration, with its webhooks, under this host's name. */
export function createAlarms(
  config: Config,
  options: Pick<AlarmsOptions, 'observer' | 'media' | 'shards' | 'clock' | 'unixMs'> & { readonly log: Logger },
): Alarms {
  const log = new LimitedLog(options.log, { perSecond: 1, clock: options.clock });
  const webhooks = config.alarmsWebhook.map((url) => new Webhook({ url, timeoutMs: config.alarmsWebhookTimeout, log }));
  return new Alarms({ ...options, config, webhooks, instance: hostname() });
}
