import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from './paths.mjs';

const cache = new URL('.cache/', root);

/**
 * Runs the tests of one vitest project. Files with failures run once more, alone: what passes then is counted as passed
 * and named in `unsteady`, as a test that a busy machine can fail is to be repaired, not to be hidden.
 * @returns {{ passed: number, skipped: number, failures: string[], unsteady: string[] }}
 */
export function runTests(project) {
  const first = run(project, []);
  if (first.failures.length === 0 || first.files.length === 0) return { ...first, unsteady: [] };
  console.log(`\n${first.failures.length} failed in ${first.files.join(', ')}: once more, alone`);
  const { failures } = run(project, first.files);
  const unsteady = first.failures.filter((name) => !failures.includes(name));
  return { ...first, passed: first.passed + unsteady.length, failures, unsteady };
}

/** A run that tells no count has failed. */
function run(project, files) {
  const report = new URL(`vitest-${project}${files.length > 0 ? '-again' : ''}.json`, cache);
  rmSync(report, { force: true });
  mkdirSync(cache, { recursive: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report.pathname}`];
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...reporters, ...files],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  try {
    const { numPassedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const broken = testResults.filter((file) => file.status === 'failed');
    const failures = broken.flatMap((file) => failuresOf(relative(root.pathname, file.name), file));
    if (status !== 0 && failures.length === 0) failures.push(`${project}: an error outside of every test`);
    const names = broken.map((file) => relative(root.pathname, file.name));
    return { passed: numPassedTests, skipped: numPendingTests, failures, files: names };
  } catch {
    return { passed: 0, skipped: 0, failures: [`${project}: the run told no count`], files: [] };
  }
}

function failuresOf(name, { assertionResults, message }) {
  const failed = assertionResults.filter((each) => each.status === 'failed');
  // A file that does not load, or whose hook fails, has no test of its own that failed.
  if (failed.length === 0) return [`${name}: ${message.split('\n', 1)[0]}`];
  return failed.map((each) => `${name} > ${each.fullName}`);
}
