// Builds the dashboard's page with vite, when its sources changed. Without it the server says that it is not built and does
// everything else, so nothing here fails a start.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './paths.mjs';

const directory = fileURLToPath(new URL('packages/dashboard', root));
const reader = fileURLToPath(new URL('packages/reader/src', root));
const vite = join(directory, 'node_modules/vite');
const stamp = join(directory, 'dist/.key');

/** What the bundle depends on: its sources, the player's, and the versions of what goes in. Undefined without a bundler. */
function key() {
  if (!existsSync(join(vite, 'package.json'))) return undefined;
  const hash = createHash('sha256');
  for (const folder of [join(directory, 'src'), reader]) {
    for (const name of readdirSync(folder, { recursive: true }).sort()) {
      if (/(?<!\.test)\.(?:tsx?|css|svg)$/.test(name)) hash.update(name).update(readFileSync(join(folder, name)));
    }
  }
  for (const name of ['index.html', 'vite.config.mjs', 'tsconfig.json', 'package.json'])
    hash.update(readFileSync(join(directory, name)));
  return hash.digest('hex');
}

/** Resolves when the page is built, or could not be, which is said. */
export async function buildDashboard() {
  const wanted = key();
  if (wanted === undefined) return; // an installation without tools: what is there serves
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(stamp, { force: true });
  const build = spawn(process.execPath, [join(vite, 'bin/vite.js'), 'build', '--logLevel', 'warn'], {
    cwd: directory,
    stdio: ['ignore', 2, 2],
  });
  const status = await new Promise((resolve) => {
    build.on('error', () => resolve(1));
    build.on('close', resolve);
  });
  if (status === 0) writeFileSync(stamp, wanted);
  else console.error('The dashboard could not be built; the server works without it.');
}
