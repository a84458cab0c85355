// Static checks: format and lint, types of tests, import rules. Each rule set proves that it bites before it is believed.
import { spawnSync } from 'node:child_process';
import { root } from './paths.mjs';

/** @type {[name: string, script: string, ...args: string[]][]} */
const CHECKS = [
  ['format and lint', 'node_modules/@biomejs/biome/bin/biome', 'check', '.', '--error-on-warnings'],
  ['types of sources and tests', 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json'],
  ['import rules', 'scripts/import-rules.mjs'],
  ['source rules', 'scripts/source-rules.mjs'],
  ['supply chain', 'scripts/supply-chain.mjs'],
  ['threats', 'scripts/threats.mjs'],
];

export function runChecks() {
  const failures = [];
  for (const [name, script, ...args] of CHECKS) {
    const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}`);
    if (status !== 0) failures.push(name);
  }
  return { passed: CHECKS.length - failures.length, failures };
}

if (process.argv[1] !== undefined && import.meta.url.endsWith('/check.mjs') && process.argv[1].endsWith('check.mjs')) {
  process.exit(runChecks().failures.length === 0 ? 0 : 1);
}
