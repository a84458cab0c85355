// Runs dependency-cruiser and proves that it saw the code: a cruise over nothing is no pass, and a planted violation
// must be found.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { root } from './paths.mjs';

const MIN_MODULES = 60;
const PLANT = new URL('packages/sfu-worker/src/rtp/planted-violation.ts', root);

function cruise() {
  const { stdout } = spawnSync(
    process.execPath,
    [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
      'packages',
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  const { summary } = JSON.parse(stdout);
  return {
    modules: summary.totalCruised,
    violations: summary.violations.filter(({ rule }) => rule.severity === 'error'),
  };
}

const { modules, violations } = cruise();
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
if (modules < MIN_MODULES) console.error(`only ${modules} modules were seen`);

writeFileSync(PLANT, "import 'node:dgram';\n");
let bites;
try {
  bites = cruise().violations.some(({ rule }) => rule.name === 'pure-has-no-io');
} finally {
  rmSync(PLANT);
}
if (!bites) console.error('a planted violation was not found');
console.log(`import rules: ${modules} modules, ${violations.length} violations`);
process.exit(violations.length === 0 && modules >= MIN_MODULES && bites ? 0 : 1);
