import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { root } from './paths.mjs';

const cache = new URL('.cache/', root);

/**
 * Runs the tests of one vitest project. Files with failures run once more, alone: what passes then is counted as passed
 * and named in `unsteady`, as a test that a busy machine can fail is to be repaired, not to be hidden.
 * @returns {{ passed: number, skipped: number, failures: string[], unsteady: string[] }}
 */
export function runTests(project) {
  const { passed, skipped, failures } = run(project, []);
  const files = [...new Set(failures.map(({ file }) => file))];
  // What is of no file could be tried again only by the whole run.
  if (files.length === 0 || files.includes(undefined))
    return { passed, skipped, failures: names(failures), unsteady: [] };
  console.log(`\n${failures.length} failed in ${files.join(', ')}: once more, alone`);
  const again = names(run(project, files).failures);
  const unsteady = failures.filter(({ name }) => !again.includes(name));
  const tests = unsteady.filter(({ isTest }) => isTest);
  return { passed: passed + tests.length, skipped, failures: again, unsteady: names(unsteady) };
}

const names = (failures) => failures.map(({ name }) => name);

/** A run that tells no count has failed. */
function run(project, files) {
  const report = fileURLToPath(new URL(`vitest-${project}.json`, cache));
  rmSync(report, { force: true });
  mkdirSync(cache, { recursive: true });
  const { status } = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      ...['run', '--project', project, '--reporter=default', '--reporter=./scripts/vitest-report.mjs', ...files],
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, VITEST_REPORT: report } },
  );
  try {
    const { passed, skipped, failures } = JSON.parse(readFileSync(report, 'utf8'));
    if (status !== 0 && failures.length === 0) failures.push({ name: `${project}: the run ended with ${status}` });
    return { passed, skipped, failures };
  } catch {
    return { passed: 0, skipped: 0, failures: [{ name: `${project}: the run told no count` }] };
  }
}
