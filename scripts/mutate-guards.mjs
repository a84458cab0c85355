// `npm run mutate-guards [-- part of a name]`: switches each guard off in a copy of the tree, and expects its tests to fail.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GUARDS } from '../harden/guards.mjs';
import { root } from './paths.mjs';

const LEFT_OUT = new Set(['.git', '.cache', 'results']);

/** The sources, with the dependencies of the original. */
function copyOfTree() {
  const copy = mkdtempSync(join(tmpdir(), 'guards-'));
  const from = fileURLToPath(root);
  cpSync(from, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !LEFT_OUT.has(basename(source)) && source !== join(from, 'node_modules'),
  });
  symlinkSync(join(from, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** @param output `inherit` to see what fails @param more of vitest's options */
async function testsPass(copy, tests, output = 'ignore', more = []) {
  const vitest = spawn(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--bail=1', ...more, ...tests],
    {
      cwd: copy,
      stdio: ['ignore', output, output],
    },
  );
  return (await once(vitest, 'close'))[0] === 0;
}

async function verdictOf({ file, find, replace, tests }, copy) {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  if (source.split(find).length !== 2) return 'its text is not there, or not once';
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  try {
    return (await testsPass(copy, tests)) ? 'its tests pass without it' : undefined;
  } finally {
    writeFileSync(path, source);
  }
}

const wanted = process.argv.slice(2).join(' ').toLowerCase();
const guards = GUARDS.filter(({ guard }) => guard.toLowerCase().includes(wanted));
const copies = Array.from({ length: Math.min(2, availableParallelism()) }, copyOfTree);
let weak = 0;
try {
  // With every guard in place they pass, or their failures would prove nothing.
  const tests = [...new Set(guards.flatMap(({ tests: own }) => own))];
  if (!(await testsPass(copies[0], tests, 'inherit', ['--retry=1']))) {
    console.error('the tests fail with every guard in place');
    process.exitCode = 1;
  } else {
    const waiting = [...guards];
    await Promise.all(
      copies.map(async (copy) => {
        for (let guard = waiting.shift(); guard !== undefined; guard = waiting.shift()) {
          const fault = await verdictOf(guard, copy);
          if (fault !== undefined) weak++;
          console.log(
            `${fault === undefined ? 'bites ' : 'WEAK  '} ${guard.guard}${fault === undefined ? '' : `: ${fault}`}`,
          );
        }
      }),
    );
    console.log(`${guards.length - weak} of ${guards.length} guards are known to bite`);
    if (weak > 0) process.exitCode = 1;
  }
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
}
