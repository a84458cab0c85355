import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** ffmpeg as a camera that pushes: a moving test picture as H.264, ended by `stop`. */
export class FfmpegPublisher {
  readonly #process: ChildProcess;
  readonly #log: string[] = [];

  constructor(
    url: string,
    options: { transport?: 'tcp' | 'udp'; output?: readonly string[]; input?: readonly string[] } = {},
  ) {
    const input = options.input ?? ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25'];
    const output = options.output ?? H264;
    this.#process = spawn(
      '/usr/bin/ffmpeg',
      [
        '-nostdin',
        '-hide_banner',
        '-loglevel',
        'warning',
        ...input,
        ...output,
        '-f',
        'rtsp',
        '-rtsp_transport',
        options.transport ?? 'tcp',
        url,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#log.push(text));
  }

  get log(): string {
    return this.#log.join('');
  }
  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.hasExited) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}

/** Baseline H.264, a keyframe every two seconds, no B-frames: what cameras send. */
export const H264 = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-tune',
  'zerolatency',
  '-profile:v',
  'baseline',
  '-g',
  '50',
  '-b:v',
  '1M',
  '-pix_fmt',
  'yuv420p',
];
