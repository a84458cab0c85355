import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { monotonicMicroseconds, printProfiles } from './profile.ts';
import { PullCameras } from './pull-camera.ts';
import { printTable } from './report.ts';
import { ServerProcess } from './server-process.ts';
import { measure, type Result, WORKLOADS } from './workload.ts';

const SHARDCAST = [
  '--workers=1',
  '--webrtcAddress=127.0.0.1:0',
  '--rtspAddress=127.0.0.1:0',
  '--api=off',
  '--metrics=off',
  '--webrtcLocalUDPAddress=127.0.0.1:0',
  '--logLevel=error',
];

/** What `npm start` gives the server's process. */
const AS_NPM_START = ['--max-semi-space-size=2'];

type Contender = {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
  /** The server dials the cameras; the others are published to. */
  readonly pulls?: boolean;
};
const CONTENDERS: readonly Contender[] = [
  {
    name: 'stock werift',
    script: './baseline-server.ts',
    args: [],
    nodeArgs: ['--conditions=source', '--import=tsx'],
  },
  {
    name: 'shardcast ASIS',
    script: '../../packages/signaling/dist/main.js',
    args: [...SHARDCAST, '--nack=on', '--rtcpInterval=1s', '--bufferPool=off'],
    nodeArgs: AS_NPM_START,
  },
  { name: 'shardcast TOBE', script: '../../packages/signaling/dist/main.js', args: SHARDCAST, nodeArgs: AS_NPM_START },
  {
    name: 'shardcast TOBE, pull',
    script: '../../packages/signaling/dist/main.js',
    args: SHARDCAST,
    nodeArgs: AS_NPM_START,
    pulls: true,
  },
];

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    workload: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
});
const results = new URL('../results/', import.meta.url);
mkdirSync(results, { recursive: true });

const measured: Result[] = [];
for (const workload of WORKLOADS.filter(({ name }) => name.includes(values.workload))) {
  for (const { name, script, args, nodeArgs, pulls } of CONTENDERS.filter((each) => each.name.includes(values.only))) {
    const profiling = values.profile
      ? ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${results.pathname}`]
      : [];
    const pulled = pulls === true ? await PullCameras.listen() : undefined;
    const paths = Array.from({ length: pulled === undefined ? 0 : workload.streams }, (_, i) => `cam${i}`);
    const sources = paths.map((path) => `--paths.${path}.source=${pulled?.url(path)}`);
    const server = await ServerProcess.start(script, [...args, ...sources], [...nodeArgs, ...profiling]);
    let from = 0;
    let to = 0;
    try {
      measured.push(await measure(server, name, workload, Number(values.seconds), pulled));
      to = monotonicMicroseconds();
      from = to - Number(values.seconds) * 1e6;
    } catch (error) {
      console.error(`${name}, ${workload.name}: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    }
    await server.stop();
    if (values.profile) printProfiles(results, server.pid, { from, to });
    console.error(`measured ${name}, ${workload.name}`);
  }
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const machine = {
  cpu: cpus()[0]?.model ?? '?',
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  commit,
};
printTable(measured, machine);
writeFileSync(new URL('latest.json', results), `${JSON.stringify({ machine, measured }, null, 2)}\n`);
