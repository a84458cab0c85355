// Builds the WebAssembly part of the portable media path from its AssemblyScript, when that changed. Without it the path
// does the same in TypeScript, so nothing here fails a start.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './paths.mjs';

const directory = fileURLToPath(new URL('packages/sfu-worker/wasm', root));
const compiler = fileURLToPath(new URL('node_modules/assemblyscript', root));
const module = join(directory, 'build/fan-out.wasm');
const stamp = join(directory, 'build/.key');

/** What the module depends on: its sources, and the compiler. Undefined without a compiler. */
function key() {
  const description = join(compiler, 'package.json');
  if (!existsSync(description)) return undefined;
  const hash = createHash('sha256');
  const sources = join(directory, 'assembly');
  for (const name of readdirSync(sources).sort()) hash.update(readFileSync(join(sources, name)));
  hash.update(readFileSync(join(directory, 'asconfig.json')));
  const { version } = JSON.parse(readFileSync(description, 'utf8'));
  return `${hash.digest('hex')} ${version}`;
}

/** Resolves when the module is built, or could not be, which is said. */
export async function buildWasm() {
  const wanted = key();
  if (wanted === undefined) return; // an installation without tools: what is there serves
  if (existsSync(module) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(module, { force: true }); // of other sources
  mkdirSync(join(directory, 'build'), { recursive: true });
  const build = spawn(
    process.execPath,
    [join(compiler, 'bin/asc.js'), 'assembly/index.ts', '--config', 'asconfig.json'],
    { cwd: directory, stdio: ['ignore', 2, 2] },
  );
  const status = await new Promise((resolve) => {
    build.on('error', () => resolve(1));
    build.on('close', resolve);
  });
  if (status === 0) writeFileSync(stamp, wanted);
  else console.error('The WebAssembly of the portable media path could not be built; TypeScript serves in its place.');
}
