import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ShardcastError } from '@shardcast/shared';
import { type ConfigChange, type LoadedConfig, loadConfig, parseArguments } from '@shardcast/shared/config';
import { ConfigStore } from './config/config-store.ts';
import { FileWatch } from './config/file-watch.ts';
import { ConfigJournal } from './config/journal.ts';
import { LogRing } from './logging/log-ring.ts';
import { createLogger } from './logging/logger.ts';
import { startThreads } from './pool/start-threads.ts';

const USAGE = `shardcast [config.yml] [--key=value ...]
shardcast bench [address] [options]         measure this machine or any server; bench --help says how

  --check      read the configuration, say what is wrong with it, and exit
  --version    print the version and exit
  --help       print this and exit

Every key of docs/configuration.md is an option: --logLevel=debug, --rtcpInterval=1s.
Environment variables do the same: SHARDCAST_LOGLEVEL=debug, SHARDCAST_PATHS_CAM1_SOURCE=rtsp://...
A file that changes, or SIGHUP, is read again: paths that changed begin anew, the others play on.`;

const SHUTDOWN_DEADLINE_MS = 5000;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const demoClip = fileURLToPath(new URL('../assets/demo.h264', import.meta.url));

async function main(): Promise<void> {
  const [first, ...rest] = process.argv.slice(2);
  if (first === 'bench') return runBench(rest);
  const args = parseArguments(process.argv.slice(2));
  if (args.command === 'help') return print(USAGE);
  if (args.command === 'version') return print(version);

  const workingDirectory = process.cwd();
  const load = (changes: readonly ConfigChange[] = [], change?: ConfigChange) =>
    loadConfig({ arguments: args, environment: process.env, workingDirectory, demoClip, changes, change });
  const written = load();
  const journal = ConfigJournal.open(journalFile(written, workingDirectory));
  const initial = journal.changes.length > 0 ? load(journal.changes) : written;
  const { config, file, warnings } = initial;
  if (args.command === 'check') {
    for (const warning of warnings) console.error(`warning: ${warning}`);
    return print(`${file ?? 'the built-in configuration'} is valid`);
  }
  const logRing = new LogRing();
  const log = createLogger(config.logLevel, { ring: logRing });
  for (const warning of warnings) log.warn(warning);

  const threads = startThreads(config, log);
  // Loaded while the threads load theirs.
  const { ShardcastServer } = await import('./server.ts');
  const configStore = new ConfigStore({ first: initial, load, journal, log, now: () => new Date() });
  const server = await ShardcastServer.start({ config, threads, configStore, workingDirectory, version, log, logRing });

  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), SHUTDOWN_DEADLINE_MS).unref();
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGHUP', () => void configStore.reload());
  if (file !== undefined) new FileWatch(file, () => void configStore.reload());
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Last, since who reads it may send a signal at once.
  print(`shardcast ready ${server.urls.join(' ')}${file === undefined ? ` demo=${server.urls[0]}/demo` : ''}`);
}

async function runBench(argv: readonly string[]): Promise<void> {
  const { bench } = await import('@shardcast/load/command');
  process.exit(await bench({ argv, serverEntry: fileURLToPath(import.meta.url), version }));
}

/** @returns undefined when changes are not to be kept */
function journalFile({ config, file }: LoadedConfig, workingDirectory: string): string | undefined {
  if (config.configJournal === 'off') return undefined;
  if (config.configJournal !== 'auto') return resolve(workingDirectory, config.configJournal);
  return `${file ?? resolve(workingDirectory, 'shardcast.yml')}.journal`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  // A configuration fault is the user's to read, not a stack.
  console.error(error instanceof ShardcastError ? error.message : error);
  process.exit(1);
});
