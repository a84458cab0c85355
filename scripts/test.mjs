// `npm test`: installs, builds, checks, runs every test. The last line counts them: `N passed, N failed`.
import './ready.mjs';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { runChecks } from './check.mjs';
import { fuzzNative } from './fuzz-native.mjs';
import { hardenShort } from './harden-short.mjs';
import { root } from './paths.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const cache = new URL('.cache/', root);

/** Runs one vitest project and reads its own count; a run that tells none has failed. */
function runVitest(project) {
  const report = new URL(`vitest-${project}.json`, cache);
  rmSync(report, { force: true });
  mkdirSync(cache, { recursive: true });
  const args = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report.pathname}`,
  ];
  const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
    const broken = status !== 0 && numFailedTests === 0 ? 1 : 0; // a file that did not load, an unhandled error
    return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const missing = ensureSystemPackages();
if (missing.length > 0) {
  console.error(
    `The end-to-end tests need these Debian packages, and this user may not install them:\n  ${missing.join(' ')}`,
  );
}
const checks = runChecks();
const results = [{ ...checks, skipped: 0 }, fuzzNative(5, Date.now() % 1_000_000), runVitest('unit')];
results.push(missing.length === 0 ? runVitest('e2e') : { passed: 0, failed: 1, skipped: 0 }, hardenShort());

const sum = (key) => results.reduce((total, result) => total + result[key], 0);
const skipped = sum('skipped');
console.log(`${sum('passed')} passed, ${sum('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(sum('failed') === 0 ? 0 : 1);
