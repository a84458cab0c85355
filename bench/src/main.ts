import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { contenders } from './contenders.ts';
import { printProfiles } from './profile.ts';
import { printTables } from './report.ts';
import type { Result } from './result.ts';
import { Sink } from './sink.ts';
import { WORKLOADS } from './workloads/index.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    minutes: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    workload: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
    'fast-path': { type: 'string', default: '' },
    dtls: { type: 'string', default: '' },
    srtp: { type: 'string', default: 'any' },
    profile: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const fastPath = oneOf('fast-path', values['fast-path'], ['', 'native', 'portable'] as const);
const profiles = { any: [1, 7], sha1: [1], gcm: [7] } as const;
const results = new URL('../results/', import.meta.url);
mkdirSync(results, { recursive: true });
if (!Sink.build()) console.error('no C compiler: the viewers cost so much that ramps end at the generator');

const names = values.workload.split(',').filter(Boolean);
const workloads = WORKLOADS.filter(({ name, isQuick, isOnDemand = false }) =>
  names.length > 0 ? names.includes(name) : isQuick || (values.all && !isOnDemand),
);
const isQuick = !values.all && names.length === 0;
const unknown = names.filter((name) => WORKLOADS.every((workload) => workload.name !== name));
if (unknown.length > 0) throw new Error(`no workload ${unknown}; there are ${WORKLOADS.map(({ name }) => name)}`);

const settings = {
  seconds: Number(values.seconds),
  minutes: Number(values.minutes),
  profiles: profiles[oneOf('srtp', values.srtp, ['any', 'sha1', 'gcm'] as const)],
  nodeArgs: values.profile ? ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${fileURLToPath(results)}`] : [],
};
const measured: Result[] = [];
const dtls = oneOf('dtls', values.dtls, ['', 'werift', 'openssl'] as const);
const candidates = await contenders(fastPath, dtls);
for (const workload of workloads) {
  for (const contender of candidates) {
    const { name } = contender;
    if (!name.includes(values.only) || !contender.intakes.includes(workload.intake)) continue;
    const only = isQuick ? (workload.quickOnly ?? workload.only) : workload.only;
    if (only !== undefined && !only.includes(name)) continue;
    try {
      const measurement = await workload.measure(contender, settings);
      measured.push({ workload: workload.name, server: name, ...measurement });
      console.error(`measured ${workload.name}, ${name}`);
      if (values.profile && measurement.profiled !== undefined) {
        printProfiles(results, measurement.profiled.pid, measurement.profiled);
      }
    } catch (error) {
      console.error(`failed ${workload.name}, ${name}: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    }
  }
}

const run = {
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model ?? '?',
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  openssl: process.versions.openssl,
  commit: execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim(),
  seconds: settings.seconds,
  srtp: values.srtp,
  dtls: dtls || 'default',
};
console.log(
  Object.entries(run)
    .map((entry) => entry.join(': '))
    .join(', '),
);
printTables(workloads, measured);
const text = `${JSON.stringify({ run, measured }, null, 2)}\n`;
writeFileSync(new URL('latest.json', results), text);
if (values.json !== undefined) writeFileSync(values.json, text);
process.exit();

function oneOf<const T extends readonly string[]>(option: string, value: string, allowed: T): T[number] {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new Error(`--${option} is one of ${allowed.filter(Boolean).join(', ')}`);
  return found;
}
