import { ShardcastError } from '@shardcast/shared';
import { type Config, type ConfigChange, type LoadedConfig, lasting, maskedKey } from '@shardcast/shared/config';
import type { LineLog } from '../logging/limited-log.ts';
import { type ConfigEffects, effectsOf, type PathEffect } from './effects.ts';
import type { ConfigJournal } from './journal.ts';

/** Whom a change concerns. */
export type ConfigTarget = {
  /** What `apply` would do to paths. */
  preview(config: Config): readonly PathEffect[];
  /** @throws ShardcastError CONFIG_INVALID; nothing has changed then */
  apply(config: Config): Promise<void>;
};

export type ConfigStoreOptions = {
  readonly first: LoadedConfig;
  /** As `LoadOptions` has them. @throws ShardcastError what `loadConfig` throws */
  readonly load: (changes: readonly ConfigChange[], change?: ConfigChange) => LoadedConfig;
  readonly journal: ConfigJournal;
  readonly log: LineLog;
  readonly now: () => Date;
};

/** The configuration in force: read from its file, changed by the API. One change at a time, whole or not at all. */
export class ConfigStore {
  readonly #options: ConfigStoreOptions;
  #config: Config;
  /** What the server started with: what the keys that wait for a restart still have. */
  readonly #started: Config;
  #target: ConfigTarget | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigStoreOptions) {
    this.#options = options;
    this.#config = options.first.config;
    this.#started = options.first.config;
  }

  /** Everything before it is refused. */
  attach(target: ConfigTarget): void {
    this.#target = target;
  }

  get config(): Config {
    return this.#config;
  }

  /**
   * Checks a change, writes it down and makes it.
   * @param dryRun say only what it would do
   * @throws ShardcastError SETTING_INVALID, SETTING_EXISTS, SETTING_NOT_FOUND, CONFIG_NOT_SAVED, SHUTTING_DOWN (or not yet up)
   */
  change(change: ConfigChange, dryRun = false): Promise<ConfigEffects> {
    return this.#inTurn(() => this.#change(change, dryRun));
  }

  /**
   * The values that settings of the present configuration would have if they were written so.
   * @throws ShardcastError SETTING_INVALID
   */
  valuesOf<K extends keyof Config>(
    keys: readonly K[],
    written: Readonly<Record<string, unknown>>,
  ): Partial<Pick<Config, K>> {
    const { load, journal } = this.#options;
    const { config } = asSetting(() => load(journal.changes, { op: 'patch-global', value: { ...written } }));
    const given = keys.filter((key) => Object.hasOwn(written, key));
    // `fromEntries` forgets which keys there are.
    return Object.fromEntries(given.map((key) => [key, config[key]])) as Partial<Pick<Config, K>>;
  }

  /** Reads the file again; one that is not valid changes nothing. Never rejects. */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#reload());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #change(change: ConfigChange, dryRun: boolean): Promise<ConfigEffects> {
    const { journal, load, log, now } = this.#options;
    const target = this.#target;
    if (target === undefined) throw new ShardcastError('SHUTTING_DOWN', 'the server is not up');
    const masked = 'value' in change ? maskedKey(change.value) : undefined;
    if (masked !== undefined)
      throw new ShardcastError('SETTING_INVALID', `${masked.join('.')}: holds the mask that stands for a secret`);
    const { config } = asSetting(() => load(journal.changes, change));
    const effects = effectsOf(this.#config, config, target.preview(config));
    if (dryRun) return effects;
    const undo = journal.append(lasting(change), now());
    try {
      await target.apply(config);
    } catch (error) {
      undo();
      throw error instanceof ShardcastError && error.code === 'CONFIG_INVALID' ? invalidSetting(error) : error;
    }
    this.#config = config;
    const name = 'name' in change ? { path: change.name } : {};
    log.info({ op: change.op, ...name, effects: effects.summary }, 'configuration changed by the API');
    return effects;
  }

  async #reload(): Promise<void> {
    const { first, load, journal, log } = this.#options;
    try {
      const { config, file, warnings } = load(journal.changes);
      if (first.file !== undefined && file !== first.file)
        throw new ShardcastError('CONFIG_INVALID', `${first.file} is not there any more`);
      for (const warning of warnings) log.warn({}, warning);
      const { atWorkerStart, atServerStart } = effectsOf(this.#started, config, []);
      const keys = [...atWorkerStart, ...atServerStart];
      if (keys.length > 0) log.warn({ keys }, 'keys that changed take effect at the next start');
      const effects = effectsOf(this.#config, config, this.#target?.preview(config) ?? []);
      await this.#target?.apply(config);
      this.#config = config;
      log.info({ paths: Object.keys(config.paths).length, effects: effects.summary }, 'configuration read again');
    } catch (error) {
      const faults = error instanceof ShardcastError ? error.message.split('\n') : undefined;
      log.error(
        faults === undefined ? { err: error } : { faults },
        'configuration not read again: the one before stays in force',
      );
    }
  }
}

/** A fault is the request's here, not the file's: that was valid a moment ago. */
function asSetting<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ShardcastError && error.code === 'CONFIG_INVALID' ? invalidSetting(error) : error;
  }
}

function invalidSetting(error: ShardcastError): ShardcastError {
  const faults = error.message.split('\n').map((fault) => fault.replace(/^API: /, ''));
  return new ShardcastError('SETTING_INVALID', faults.join('; '), { cause: error });
}
