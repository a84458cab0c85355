import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS = 30_000;
const STOP_MS = 6000;
const MAX_LOG = 4000;
/** As the installed command starts it. */
const SEMI_SPACE = '--max-semi-space-size=2';

const ARGUMENTS = [
  '--webrtcAddress=127.0.0.1:0',
  '--rtspAddress=127.0.0.1:0',
  '--api=off',
  '--metrics=off',
  '--pprof=off',
  '--webrtcLocalUDPAddress=127.0.0.1:0',
  '--logLevel=error',
  // The demo that there is without a configuration would play on, and is no part of what is measured.
  '--paths.demo.source=publisher',
  '--paths.all_others.source=publisher',
];

/** A Shardcast server that is only there to be measured: on the loopback interface, with the built-in configuration. */
export class OwnServer {
  readonly pid: number;
  /** `http://host:port`. */
  readonly web: string;
  /** `rtsp://host:port`. */
  readonly rtsp: string;
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #killAtExit: () => void;

  /**
   * @param entry the server's main module
   * @param more options of its configuration, which win over ours
   * @throws Error with what it said when it does not start
   */
  static async start(entry: string, more: readonly string[]): Promise<OwnServer> {
    // Away from a shardcast.yml in the user's folder; and the user's variables are for the user's server.
    const directory = mkdtempSync(join(tmpdir(), 'shardcast-bench-'));
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('SHARDCAST_'));
    const nodeArguments = process.execArgv.includes(SEMI_SPACE) ? process.execArgv : [...process.execArgv, SEMI_SPACE];
    const child = spawn(process.execPath, [...nodeArguments, entry, ...ARGUMENTS, ...more], {
      cwd: directory,
      env: Object.fromEntries(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C is for us, who still want to hang up.
      detached: true,
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-MAX_LOG);
    });
    try {
      const line = await new Promise<string>((resolve, reject) => {
        const fail = (what: string) => reject(new Error(`the server ${what}: ${log.trim().split('\n').at(-1) ?? ''}`));
        const timer = setTimeout(() => fail('is not ready in time'), READY_MS);
        let out = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          out = (out + text).slice(-MAX_LOG);
          const ready = /^shardcast ready.*$/m.exec(out)?.[0];
          if (ready === undefined) return;
          clearTimeout(timer);
          resolve(ready);
        });
        child.once('error', reject);
        // When its streams are read to the end, so that what it said is there.
        child.once('close', (code) => {
          clearTimeout(timer);
          fail(`ended with ${code}`);
        });
      });
      return new OwnServer(child, directory, line);
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(child: ChildProcess, directory: string, readyLine: string) {
    const url = (scheme: string) =>
      new RegExp(`${scheme}://[^\\s/]+`).exec(readyLine)?.[0].replace('localhost', '127.0.0.1') ?? '';
    this.pid = child.pid ?? -1;
    this.web = url('http');
    this.rtsp = url('rtsp');
    this.#process = child;
    this.#directory = directory;
    this.#killAtExit = () => child.kill('SIGKILL');
    process.once('exit', this.#killAtExit);
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    process.off('exit', this.#killAtExit);
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(timer);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
