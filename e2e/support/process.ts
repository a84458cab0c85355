import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** A program of the test's, with its errors kept; ended by `stop` at the latest. */
export class TestProcess {
  readonly #process: ChildProcess;
  readonly #log: string[] = [];

  constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#log.push(text));
  }

  /** Everything on stderr so far. */
  get log(): string {
    return this.#log.join('');
  }
  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Resolves when it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.hasExited) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}

/** A GStreamer pipeline as on gst-launch's command line; no shell reads it. */
export function gstreamer(pipeline: string): TestProcess {
  return new TestProcess('/usr/bin/gst-launch-1.0', ['-q', ...pipeline.split(/\s+/)]);
}

export function hasGstreamerElement(name: string): boolean {
  return spawnSync('/usr/bin/gst-inspect-1.0', ['--exists', name]).status === 0;
}

export function ffmpegHasMuxer(name: string): boolean {
  const { stdout } = spawnSync('/usr/bin/ffmpeg', ['-hide_banner', '-muxers'], { encoding: 'utf8' });
  return stdout.split('\n').some((line) => line.trim().split(/\s+/)[1] === name);
}
