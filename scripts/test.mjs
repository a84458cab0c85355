// `npm test`: installs, builds, checks, runs every test. What failed is named at the end; the last line counts: `N passed, N failed`.
import './ready.mjs';
import { runChecks } from './check.mjs';
import { fuzzNative } from './fuzz-native.mjs';
import { hardenShort } from './harden-short.mjs';
import { ensureSystemPackages } from './system-packages.mjs';
import { runTests } from './vitest.mjs';

const missing = ensureSystemPackages();
const noPackages = `The end-to-end tests need these Debian packages, and this user may not install them:\n  ${missing.join(' ')}`;

const results = [
  runChecks(),
  fuzzNative(5, Date.now() % 1_000_000),
  runTests('unit'),
  missing.length === 0 ? runTests('e2e') : { passed: 0, failures: [noPackages] },
  hardenShort(),
];

const failures = results.flatMap((result) => result.failures);
const unsteady = results.flatMap((result) => result.unsteady ?? []);
const sum = (key) => results.reduce((total, result) => total + (result[key] ?? 0), 0);
for (const name of unsteady) console.log(`passed only on the second run: ${name}`);
for (const name of failures) console.log(`failed: ${name}`);
console.log(
  [`${sum('passed')} passed`, `${failures.length} failed`]
    .concat(sum('skipped') > 0 ? `${sum('skipped')} skipped` : [])
    .concat(unsteady.length > 0 ? `${unsteady.length} only on the second run` : [])
    .join(', '),
);
process.exit(failures.length === 0 ? 0 : 1);
