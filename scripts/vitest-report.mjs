import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './paths.mjs';

const here = fileURLToPath(root);
const firstLine = (error) => String(error.message ?? error).split('\n', 1)[0];

/**
 * A reporter of vitest: writes to the file that VITEST_REPORT names what a run counted, and each failure with the file
 * that it is of, those outside of every test (an unhandled rejection, a file that does not load, a hook) too.
 */
export default class VitestReport {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, skipped: 0 };
    const failures = [];
    for (const module of modules) {
      const file = relative(here, module.moduleId);
      const before = failures.length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'failed') failures.push({ file, isTest: true, name: `${file} > ${test.fullName}` });
        else counts[state === 'passed' ? 'passed' : 'skipped']++;
      }
      if (module.state() === 'failed' && failures.length === before) {
        const suites = [module, ...module.children.allSuites()];
        const error = suites.flatMap((suite) => suite.errors()).at(0);
        failures.push({
          file,
          name: `${file}: ${error === undefined ? 'failed outside of its tests' : firstLine(error)}`,
        });
      }
    }
    for (const error of unhandledErrors) {
      const path = error.VITEST_TEST_PATH;
      const file = path === undefined ? undefined : relative(here, path);
      failures.push({ file, name: `${file ?? 'no file'}: outside of every test: ${firstLine(error)}` });
    }
    writeFileSync(process.env.VITEST_REPORT, JSON.stringify({ ...counts, failures }));
  }
}
