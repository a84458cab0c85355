import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../packages/signaling/dist/main.js', import.meta.url));
const START_MS = 30_000;

/** What tests read of `/v3/paths` and `/v3/workers`. */
export type PathShape = {
  readonly name: string;
  readonly online: boolean;
  readonly source: { readonly type: string } | null;
  readonly reason: string | null;
  readonly worker: number;
  readonly tracks: readonly string[];
  readonly skippedTracks: readonly { readonly codec: string; readonly skipped?: string }[];
  readonly readerCount: number;
};
export type WorkerShape = {
  readonly id: number;
  readonly state: string;
  readonly restarts: number;
  readonly udpPort: number;
};

/** The built server in a process of its own, as a user starts it, on ports of its own. */
export class TestServer {
  readonly web: string;
  readonly rtsp: string;
  /** Empty when it is not encrypted. */
  readonly rtsps: string;
  readonly api: string;
  readonly metricsUrl: string;
  readonly pprofUrl: string;
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #log: string[];

  private constructor(process: ChildProcess, directory: string, log: string[], line: string) {
    this.#process = process;
    this.#directory = directory;
    this.#log = log;
    const url = (pattern: RegExp) => pattern.exec(line)?.[1] ?? '';
    this.web = url(/(https?:\/\/localhost:\d+)/).replace('localhost', '127.0.0.1');
    this.rtsp = url(/(rtsp:\/\/localhost:\d+)/).replace('localhost', '127.0.0.1');
    this.rtsps = url(/(rtsps:\/\/localhost:\d+)/).replace('localhost', '127.0.0.1');
    this.api = url(/api=(\S+)/);
    this.metricsUrl = url(/metrics=(\S+)/);
    this.pprofUrl = url(/pprof=(\S+)/);
  }

  /** @param options keys of the configuration; ports are the system's choice unless given. */
  static async start(
    options: {
      config?: string;
      flags?: Record<string, string>;
      /** A module that the process imports first. */
      preload?: URL;
      /** Beside the configuration, by name. */
      files?: Record<string, string>;
    } = {},
  ): Promise<TestServer> {
    const directory = mkdtempSync(join(tmpdir(), 'shardcast-e2e-'));
    const flags: Record<string, string> = {
      webrtcAddress: '127.0.0.1:0',
      rtspAddress: '127.0.0.1:0',
      rtspsAddress: '127.0.0.1:0',
      apiAddress: '127.0.0.1:0',
      metricsAddress: '127.0.0.1:0',
      pprofAddress: '127.0.0.1:0',
      webrtcLocalUDPAddress: ':0',
      ...options.flags,
    };
    const args = Object.entries(flags).map(([key, value]) => `--${key}=${value}`);
    if (options.config !== undefined) {
      writeFileSync(join(directory, 'shardcast.yml'), options.config);
    }
    for (const [name, content] of Object.entries(options.files ?? {})) writeFileSync(join(directory, name), content);
    const preload = options.preload === undefined ? [] : ['--import', options.preload.href];
    const child = spawn(process.execPath, [...preload, MAIN, ...args], {
      cwd: directory,
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
    const line = await new Promise<string>((resolve, reject) => {
      let out = '';
      const timer = setTimeout(() => reject(new Error(`the server did not start: ${log.join('')}`)), START_MS);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        const ready = /^shardcast ready.*$/m.exec(out);
        if (ready === null) return;
        clearTimeout(timer);
        resolve(ready[0]);
      });
      child.once('exit', (code) => reject(new Error(`the server exited with ${code}: ${log.join('')}`)));
    });
    return new TestServer(child, directory, log, line);
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }
  /** Everything on stderr so far. */
  get log(): string {
    return this.#log.join('');
  }

  async metrics(): Promise<Metrics> {
    return new Metrics(await (await fetch(`${this.metricsUrl}/metrics`)).text());
  }

  /** Log lines so far, parsed; what is no JSON (a crash of the runtime) is left out. */
  logLines(): Record<string, unknown>[] {
    return this.log.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    });
  }

  async paths(): Promise<PathShape[]> {
    return this.#items('paths');
  }
  async path(name: string): Promise<PathShape | undefined> {
    return (await this.paths()).find((path) => path.name === name);
  }
  async workers(): Promise<WorkerShape[]> {
    return this.#items('workers');
  }
  async #items<T>(what: string): Promise<T[]> {
    const response = await fetch(`${this.api}/v3/${what}/list?itemsPerPage=1000`);
    return ((await response.json()) as { items: T[] }).items;
  }

  /** Resolves when the path is online. */
  async online(path: string, timeoutMs = 15_000): Promise<void> {
    await until(
      async () => (await this.paths()).some(({ name, online }) => name === path && online),
      timeoutMs,
      () => `${path} is not online: ${this.log.slice(-2000)}`,
    );
  }

  /** Writes another configuration file and has it read. */
  reconfigure(config: string): void {
    writeFileSync(join(this.#directory, 'shardcast.yml'), config);
    this.#process.kill('SIGHUP');
  }

  /** SIGTERM. @returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await exited;
    }
    rmSync(this.#directory, { recursive: true, force: true });
    return this.#process.exitCode;
  }
}

/** A scrape, to be asked for sums. */
export class Metrics {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  /** Sum of a metric's samples whose labels contain all of `labels`. */
  sum(name: string, labels: Record<string, string> = {}): number {
    let total = 0;
    for (const line of this.text.split('\n')) {
      const match = /^([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match?.[1] !== name) continue;
      if (Object.entries(labels).every(([key, value]) => match[2]?.includes(`${key}="${value}"`))) {
        total += Number(match[3]);
      }
    }
    return total;
  }
}

/** Polls a condition of another process; fails with what `describe` says. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  describe: () => string,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`timed out: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
