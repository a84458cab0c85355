import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Intake } from './camera-crew.ts';
import { JANUS, startJanus } from './janus-server.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerUnderTest } from './server-under-test.ts';

/** How a workload wants its server. */
export type ServerOptions = {
  /** Processors it may use, as `taskset` takes them. */
  readonly processors: string;
  readonly streams: number;
  readonly workers?: number;
  /** More flags of Shardcast. */
  readonly flags?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** So that `settle` does more than wait. */
  readonly collectsGarbage?: boolean;
};

export type Contender = {
  readonly name: string;
  readonly intakes: readonly Intake[];
  /** What else `ServerOptions` has means nothing to others. */
  readonly isShardcast: boolean;
  readonly start: (options: ServerOptions) => Promise<ServerUnderTest>;
};

/** `native` and `portable` name themselves; empty leaves it to the server. */
export type FastPathChoice = '' | 'native' | 'portable';
/** Who does Shardcast's handshakes; its own default unless said. */
export type DtlsChoice = '' | 'werift' | 'openssl';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const SHARDCAST = file('../../packages/signaling/dist/main.js');
const BASELINE = file('baseline-server.ts');
const SETTLE = `--import=${new URL('../settle.mjs', import.meta.url)}`;
/** What `npm start` gives the server's process. */
const AS_NPM_START = '--max-semi-space-size=2';
const SETTLE_MS = 1500;

const FLAGS = [
  '--webrtcAddress=127.0.0.1:0',
  '--rtspAddress=127.0.0.1:0',
  '--api=off',
  '--metrics=off',
  '--pprof=off',
  '--webrtcLocalUDPAddress=127.0.0.1:0',
  '--logLevel=error',
  // The demo that there is without a configuration would play on, and is no part of any workload.
  '--paths.demo.source=publisher',
  '--paths.all_others.source=publisher',
];
const ASIS = ['--nack=on', '--rtcpInterval=1s', '--bufferPool=off', '--fastPath=portable'];

/** All that this machine has, the baseline of the ratios first. */
export async function contenders(fastPath: FastPathChoice, dtls: DtlsChoice): Promise<readonly Contender[]> {
  const baseline: Contender = { name: 'stock werift', intakes: ['tcp'], isShardcast: false, start: startBaseline };
  const janus: Contender = { name: 'janus', intakes: ['tcp'], isShardcast: false, start: startJanus };
  const handshakes = dtls === '' ? [] : [`--dtls=${dtls}`];
  const hasNative = fastPath === '' && (await takesNative());
  return [
    baseline,
    shardcast('ASIS', ASIS),
    shardcast('TOBE', [...(fastPath === '' ? [] : [`--fastPath=${fastPath}`]), ...handshakes]),
    ...(hasNative ? [shardcast('TOBE portable', ['--fastPath=portable', ...handshakes])] : []),
    ...(existsSync(JANUS) ? [janus] : []),
  ];
}

function shardcast(name: string, flags: readonly string[]): Contender {
  return {
    name: `shardcast ${name}`,
    intakes: ['tcp', 'pull', 'udp', 'whip'],
    isShardcast: true,
    start: async ({ workers = 1, flags: more = [], ...options }) => {
      const args = [SHARDCAST, `--workers=${workers}`, ...FLAGS, ...flags, ...more];
      return startNode([AS_NPM_START], args, options, /^shardcast ready.*$/m);
    },
  };
}

async function takesNative(): Promise<boolean> {
  const native = shardcast('native', ['--fastPath=native']);
  try {
    const server = await native.start({ processors: '0', streams: 0 });
    const health = (await (await fetch(`${server.web}/healthz`)).json()) as { fastPath?: string };
    await server.stop();
    return health.fastPath === 'native';
  } catch {
    return false;
  }
}

function startBaseline(options: ServerOptions): Promise<ServerUnderTest> {
  return startNode(['--conditions=source', '--import=tsx'], [BASELINE], options, /^baseline ready.*$/m);
}

async function startNode(
  nodeArgs: readonly string[],
  args: readonly string[],
  { processors, nodeArgs: more = [], collectsGarbage = false }: ServerOptions,
  ready: RegExp,
): Promise<ServerUnderTest> {
  const settling = collectsGarbage ? [SETTLE] : [];
  const command = [process.execPath, ...nodeArgs, ...settling, ...more, ...args];
  const server = await ServerProcess.start(command, processors, ready);
  const url = (scheme: string) =>
    new RegExp(`${scheme}://[^\\s/]+`).exec(server.readyLine)?.[0].replace('localhost', '127.0.0.1') ?? '';
  const web = url('http');
  return {
    pid: server.pid,
    web,
    api: /api=(\S+)/.exec(server.readyLine)?.[1] ?? '',
    rtsp: url('rtsp'),
    viewerUrl: (camera) => `${web}/cam${camera}/whep`,
    settle: async () => {
      // Twice: what the first collection finalises goes with the second.
      for (let i = 0; i < 2; i++) {
        if (collectsGarbage) server.signal('SIGUSR2');
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      }
    },
    stop: () => server.stop(),
  };
}
