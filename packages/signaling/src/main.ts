import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadConfig, parseArguments, ShardcastError } from '@shardcast/shared';
import { createLogger } from './logging/logger.ts';
import { Reload } from './reload.ts';
import { ShardcastServer } from './server.ts';

const USAGE = `shardcast [config.yml] [--key=value ...]

  --check      read the configuration, say what is wrong with it, and exit
  --version    print the version and exit
  --help       print this and exit

Every key of docs/configuration.md is an option: --logLevel=debug, --rtcpInterval=1s.
Environment variables do the same: SHARDCAST_LOGLEVEL=debug, SHARDCAST_PATHS_CAM1_SOURCE=rtsp://...
SIGHUP reads the configuration again: paths that changed begin anew, the others play on.`;

const SHUTDOWN_DEADLINE_MS = 5000;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const demoClip = fileURLToPath(new URL('../assets/demo.h264', import.meta.url));

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  if (args.command === 'help') return print(USAGE);
  if (args.command === 'version') return print(version);

  const workingDirectory = process.cwd();
  const load = () => loadConfig({ arguments: args, environment: process.env, workingDirectory, demoClip });
  const first = load();
  const { config, file, warnings } = first;
  if (args.command === 'check') {
    for (const warning of warnings) console.error(`warning: ${warning}`);
    return print(`${file ?? 'the built-in configuration'} is valid`);
  }
  const log = createLogger(config.logLevel);
  for (const warning of warnings) log.warn(warning);

  const server = await ShardcastServer.start({ config, workingDirectory, version, log });

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
  const reload = new Reload({ first, load, apply: (changed) => server.reconfigure(changed), log });
  process.on('SIGHUP', () => void reload.run());
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Last, since who reads it may send a signal at once.
  print(`shardcast ready ${server.urls.join(' ')}${file === undefined ? ` demo=${server.urls[0]}/demo` : ''}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  // A configuration fault is the user's to read, not a stack.
  console.error(error instanceof ShardcastError ? error.message : error);
  process.exit(1);
});
