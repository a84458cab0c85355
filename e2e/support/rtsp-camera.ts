import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('rtsp-camera.py', import.meta.url));
const START_MS = 20_000;

export type CameraOptions = {
  /** 0 lets the system choose. */
  readonly port?: number;
  readonly codec?: 'h264' | 'h265' | 'jpeg' | 'none';
  readonly audio?: 'opus' | 'pcmu' | 'pcma' | 'aac' | 'none';
  /** Of H.264. */
  readonly profile?: 'constrained-baseline' | 'main' | 'high';
  readonly size?: `${number}x${number}`;
  readonly fps?: number;
  /** Frames from keyframe to keyframe. */
  readonly gop?: number;
  readonly kbps?: number;
  readonly mtu?: number;
  /** Parameter sets in the SDP only. */
  readonly outOfBand?: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly auth?: 'digest' | 'basic';
  readonly transport?: 'any' | 'tcp' | 'udp';
  /** Of videotestsrc. */
  readonly pattern?: string;
};

/** A camera that is pulled: GStreamer's RTSP server, which has no code in common with ours. */
export class RtspCamera {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  static async start({ outOfBand = false, ...options }: CameraOptions = {}): Promise<RtspCamera> {
    const args = Object.entries(options).map(([key, value]) => `--${key}=${value}`);
    if (outOfBand) args.push('--out-of-band');
    const child = spawn('/usr/bin/python3', [SCRIPT, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const log: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the camera did not start: ${log.join('')}`)), START_MS);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        const ready = /^ready (\d+)$/m.exec(text)?.[1];
        if (ready === undefined) return;
        clearTimeout(timer);
        resolve(Number(ready));
      });
      child.once('exit', (code) => reject(new Error(`the camera exited with ${code}: ${log.join('')}`)));
    });
    return new RtspCamera(child, port);
  }

  /** @param credentials `user:password`, as they stand in the URL */
  url(credentials = ''): string {
    return `rtsp://${credentials}${credentials === '' ? '' : '@'}127.0.0.1:${this.port}/cam`;
  }

  /** As if its power was cut: no TEARDOWN, no BYE. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}
