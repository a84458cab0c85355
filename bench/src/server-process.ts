import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** To the first processor; the generator has the second. */
const PINNED = spawnSync('taskset', ['-V']).status === 0 ? ['taskset', '-c', '0'] : [];

/** A server under test: a process of its own, pinned to one processor where `taskset` is there. */
export class ServerProcess {
  readonly web: string;
  readonly rtsp: string;
  readonly #process: ChildProcess;

  /** @param script relative to this file */
  static async start(
    script: string,
    args: readonly string[],
    nodeArgs: readonly string[] = [],
  ): Promise<ServerProcess> {
    const file = fileURLToPath(new URL(script, import.meta.url));
    const command = [...PINNED, process.execPath, ...nodeArgs, file, ...args];
    const child = spawn(command[0] as string, command.slice(1), {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: fileURLToPath(new URL('../results', import.meta.url)),
    });
    const line = await new Promise<string>((resolve, reject) => {
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        const ready = /^\w+ ready.*$/m.exec(out);
        if (ready !== null) resolve(ready[0]);
      });
      child.once('exit', (code) => reject(new Error(`${script} exited with ${code}`)));
      child.once('error', reject);
    });
    return new ServerProcess(child, line);
  }

  private constructor(child: ChildProcess, line: string) {
    this.#process = child;
    this.web = /http:\/\/[^\s/]+/.exec(line)?.[0].replace('localhost', '127.0.0.1') ?? '';
    this.rtsp = /rtsp:\/\/[^\s/]+/.exec(line)?.[0].replace('localhost', '127.0.0.1') ?? '';
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** CPU time of all threads so far, seconds, as the scheduler counts it in ns. */
  cpuSeconds(): number {
    const tasks = `/proc/${this.#process.pid}/task`;
    let nanoseconds = 0;
    for (const task of readdirSync(tasks)) {
      try {
        nanoseconds += Number(readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ', 1)[0]);
      } catch {
        // a thread that ended meanwhile
      }
    }
    return nanoseconds / 1e9;
  }

  /** Resident memory, bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await exited;
  }
}
