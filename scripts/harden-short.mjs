import { spawnSync } from 'node:child_process';
import { root } from './paths.mjs';

/**
 * The short form of `npm run harden`. A goal is a test; what is missed runs once more, and is named if it is met then.
 * @returns {{ passed: number, failures: string[], unsteady: string[] }}
 */
export function hardenShort() {
  const first = run([]);
  if (first.missed.size === 0) return { passed: first.met, failures: first.failures, unsteady: [] };
  const { missed, failures } = run([`--only=${[...first.missed.keys()].join(',')}`]);
  const unsteady = failures.length > 0 ? [] : [...first.missed].filter(([id]) => !missed.has(id));
  return {
    passed: first.met + unsteady.length,
    failures: [...failures, ...[...missed.values()]].map((name) => `harden: ${name}`),
    unsteady: unsteady.map(([, goal]) => `harden: ${goal}`),
  };
}

/** @returns {{ met: number, missed: Map<string, string>, failures: string[] }} missed goals by id */
function run(args) {
  const { stdout } = spawnSync(process.execPath, ['scripts/harden.mjs', '--short', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  console.log(stdout);
  const [, met] = /^(\d+) of \d+ goals met$/m.exec(stdout) ?? [];
  if (met === undefined) return { met: 0, missed: new Map(), failures: ['the run told no count'] };
  const missed = new Map([...stdout.matchAll(/^MISSED +((\S+) .*)$/gm)].map(([, goal, id]) => [id, goal]));
  return { met: Number(met), missed, failures: [] };
}
