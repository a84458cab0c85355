import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './server.ts';

const EXECUTABLE = '/usr/bin/firefox-esr';
const PREFERENCES = {
  'marionette.port': 0, // the system's choice, told in a file of the profile
  'media.navigator.permission.disabled': true,
  'media.navigator.streams.fake': true,
  'media.autoplay.default': 0,
  'media.gmp-manager.updateEnabled': false,
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.enabled': false,
};

export function hasFirefox(): boolean {
  return existsSync(EXECUTABLE);
}

/** Firefox, driven by its own Marionette protocol: JSON arrays over TCP, each after its length in decimal and a colon. */
export class Firefox {
  readonly #process: ChildProcess;
  readonly #socket: Socket;
  readonly #profile: string;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #received = Buffer.alloc(0);
  #sent = 0;

  static async launch(): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'shardcast-firefox-'));
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join('\n'));
    const process = spawn(EXECUTABLE, ['--headless', '--no-remote', '--marionette', '--profile', profile], {
      stdio: 'ignore',
      env: { ...globalThis.process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' },
    });
    const portFile = join(profile, 'MarionetteActivePort');
    await until(
      () => existsSync(portFile) && readFileSync(portFile, 'latin1') !== '',
      60_000,
      () => 'Firefox did not start',
    );
    const socket = connect(Number(readFileSync(portFile, 'latin1')), '127.0.0.1');
    await once(socket, 'connect');
    const firefox = new Firefox(process, socket, profile);
    await firefox.#ask('WebDriver:NewSession', {});
    await firefox.#ask('WebDriver:SetTimeouts', { script: 60_000 });
    return firefox;
  }

  private constructor(process: ChildProcess, socket: Socket, profile: string) {
    this.#process = process;
    this.#socket = socket;
    this.#profile = profile;
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('error', () => {});
  }

  open(url: string): Promise<unknown> {
    return this.#ask('WebDriver:Navigate', { url });
  }

  /** Runs the body of an async function in the page. @returns what it returns */
  async run<T>(body: string): Promise<T> {
    const script = `return (async () => { ${body} })()`;
    const { value } = (await this.#ask('WebDriver:ExecuteScript', { script, args: [] })) as { value: T };
    return value;
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
    this.#socket.destroy();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 3 });
  }

  #ask(command: string, parameters: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#sent;
    const message = Buffer.from(JSON.stringify([0, id, command, parameters]));
    this.#socket.write(Buffer.concat([Buffer.from(`${message.length}:`), message]));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #read(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#received.toString('latin1', 0, colon));
      if (this.#received.length < end) return;
      const message: unknown = JSON.parse(this.#received.toString('utf8', colon + 1, end));
      this.#received = this.#received.subarray(end);
      if (!Array.isArray(message)) continue; // the greeting
      const [, id, error, result] = message as [number, number, { error: string; message: string } | null, unknown];
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === null) waiting?.resolve(result);
      else waiting?.reject(new Error(`${error.error}: ${error.message}`));
    }
  }
}
