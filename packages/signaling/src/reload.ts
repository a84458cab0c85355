import { authKeys, type Config, type LoadedConfig, ShardcastError } from '@shardcast/shared';
import type { LineLog } from './logging/limited-log.ts';

/** Keys that take effect while the server runs. */
const LIVE_KEYS: ReadonlySet<string> = new Set([...Object.keys(authKeys), 'paths', 'pathDefaults']);

export type ReloadOptions = {
  readonly first: LoadedConfig;
  /** Reads the configuration as at start. @throws ShardcastError CONFIG_INVALID */
  readonly load: () => LoadedConfig;
  readonly apply: (config: Config) => Promise<void>;
  readonly log: LineLog;
};

/** Reads the configuration again when asked. One that is not valid changes nothing. */
export class Reload {
  readonly #options: ReloadOptions;
  readonly #file: string | undefined;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#file = options.first.file;
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { first, load, apply, log } = this.#options;
    try {
      const { config, file, warnings } = load();
      if (this.#file !== undefined && file !== this.#file) {
        throw new ShardcastError('CONFIG_INVALID', `${this.#file} is not there any more`);
      }
      for (const warning of warnings) log.warn({}, warning);
      const fixed = changedKeys(first.config, config).filter((key) => !LIVE_KEYS.has(key));
      if (fixed.length > 0) log.warn({ keys: fixed }, 'keys that changed take effect at the next start');
      await apply(config);
      log.info({ paths: Object.keys(config.paths).length }, 'configuration read again');
    } catch (error) {
      const faults = error instanceof ShardcastError ? error.message.split('\n') : undefined;
      log.error(
        faults === undefined ? { err: error } : { faults },
        'configuration not read again: the one before stays in force',
      );
    }
  }
}

/** Names only: values may be secrets. */
function changedKeys(before: Config, after: Config): string[] {
  const old = new Map(Object.entries(before).map(([key, value]) => [key, JSON.stringify(value)]));
  return Object.entries(after)
    .filter(([key, value]) => old.get(key) !== JSON.stringify(value))
    .map(([key]) => key);
}
