import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
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

type Contender = {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
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
    nodeArgs: [],
  },
  { name: 'shardcast TOBE', script: '../../packages/signaling/dist/main.js', args: SHARDCAST, nodeArgs: [] },
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
  for (const { name, script, args, nodeArgs } of CONTENDERS.filter((each) => each.name.includes(values.only))) {
    const profiling = values.profile
      ? ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${results.pathname}`]
      : [];
    const server = await ServerProcess.start(script, args, [...nodeArgs, ...profiling]);
    try {
      measured.push(await measure(server, name, workload, Number(values.seconds)));
    } catch (error) {
      console.error(`${name}, ${workload.name}: ${error instanceof Error ? error.message : error}`);
    }
    await server.stop();
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
