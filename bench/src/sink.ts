import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Tally } from './audience.ts';

const SOURCE = fileURLToPath(new URL('sink.c', import.meta.url));
const RESULTS = fileURLToPath(new URL('../results', import.meta.url));
const PROGRAM = `${RESULTS}/sink`;

/** Counts the packets of many connected sockets in a process of its own: `sink.c`, at a tenth of what Node takes. */
export class Sink {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: ((line: string) => void)[] = [];

  /** Builds the program where a C compiler is there. @returns whether sinks can be had */
  static build(): boolean {
    mkdirSync(RESULTS, { recursive: true });
    const built = statSync(PROGRAM, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (built > statSync(SOURCE).mtimeMs) return true;
    return spawnSync('cc', ['-O2', '-o', PROGRAM, SOURCE], { stdio: 'ignore' }).status === 0;
  }

  /** @param descriptors of sockets that nobody else reads; the caller keeps its own and may go on to send */
  constructor(descriptors: readonly number[]) {
    this.#process = spawn(PROGRAM, [String(descriptors.length)], {
      stdio: ['pipe', 'pipe', 'inherit', ...descriptors],
    });
    const output = this.#process.stdout;
    if (output === null) throw new Error('the sink has no output');
    this.#lines = createInterface({ input: output });
    this.#lines.on('line', (line) => this.#waiting.shift()?.(line));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  reset(): void {
    this.#process.stdin?.write('reset\n');
  }

  async addTo(tally: Tally): Promise<void> {
    const line = await new Promise<string>((resolve) => {
      this.#waiting.push(resolve);
      this.#process.stdin?.write('tally\n');
    });
    const [received = 0, expected = 0, disordered = 0, rtcp = 0] = line.split(' ').map(Number);
    tally.received += received;
    tally.expected += expected;
    tally.disordered += disordered;
    tally.rtcp += rtcp;
  }

  close(): void {
    this.#lines.close();
    this.#process.stdin?.end();
  }
}
