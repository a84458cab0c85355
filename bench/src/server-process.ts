import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const HAS_TASKSET = spawnSync('taskset', ['-V']).status === 0;
const RESULTS = fileURLToPath(new URL('../results', import.meta.url));
const READY_MS = 20_000;
const STOP_MS = 10_000;

/** A process under test, pinned to processors where `taskset` is there. */
export class ServerProcess {
  /** The part of its output that said that it is ready. */
  readonly readyLine: string;
  readonly pid: number;
  readonly #process: ChildProcess;

  /** @param ready matches the output of a server that is ready */
  static async start(command: readonly string[], processors: string, ready: RegExp): Promise<ServerProcess> {
    const [program = '', ...args] = HAS_TASKSET ? ['taskset', '-c', processors, ...command] : command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: RESULTS });
    const line = await new Promise<string>((resolve, reject) => {
      let out = '';
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`${command[0]} is not ready in time: ${out.slice(-500)}`));
      }, READY_MS);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out = (out + text).slice(-100_000);
        const found = ready.exec(out);
        if (found === null) return;
        clearTimeout(timer);
        resolve(found[0]);
      });
      child.once('exit', (code) => reject(new Error(`${command.slice(0, 2).join(' ')} exited with ${code}`)));
      child.once('error', reject);
    });
    return new ServerProcess(child, line);
  }

  private constructor(child: ChildProcess, readyLine: string) {
    this.#process = child;
    this.readyLine = readyLine;
    this.pid = child.pid as number; // set once it has written a line
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
  }
}
