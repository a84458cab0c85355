// Builds the native media path where a compiler, make, Python and Node's headers are found. It is never needed: without it
// the portable path serves, so nothing here fails a start.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './paths.mjs';

const directory = fileURLToPath(new URL('packages/sfu-worker/native', root));
const addon = join(directory, 'build/Release/shardcast.node');
const stamp = join(directory, 'build/.key');
const log = join(directory, 'build/build.log');

/** What the addon depends on: its sources, and the Node that it is built against, whose OpenSSL it calls. */
function key() {
  const hash = createHash('sha256');
  for (const name of readdirSync(join(directory, 'src')).sort())
    hash.update(readFileSync(join(directory, 'src', name)));
  hash.update(readFileSync(join(directory, 'binding.gyp')));
  return `${hash.digest('hex')} ${process.version} ${process.platform}-${process.arch} ${process.versions.openssl}`;
}

/** @returns {string | undefined} the folder that holds include/node; headers are never downloaded */
export function headers() {
  const prefix = dirname(dirname(process.execPath));
  if (!existsSync(join(prefix, 'include/node/node_api.h'))) return undefined;
  // Headers beside another Node's binary would build an addon for the wrong OpenSSL.
  const version = readFileSync(join(prefix, 'include/node/node_version.h'), 'utf8');
  const number = (/** @type {string} */ part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`).exec(version)?.[1];
  return `v${number('MAJOR')}.${number('MINOR')}.${number('PATCH')}` === process.version ? prefix : undefined;
}

function has(/** @type {string} */ command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** @returns {string | undefined} what is missing */
function missing() {
  if (process.platform !== 'linux') return 'it is for Linux';
  const tools = [process.env['CXX'] ?? 'c++', 'make', 'python3'].filter((command) => !has(command));
  if (tools.length > 0) return `no ${tools.join(', ')}`;
  return headers() === undefined ? 'no headers of this Node beside its binary' : undefined;
}

/** Resolves when the addon is built, or is known not to be: a failure is tried again when something changed. */
export async function buildNativeAddon() {
  const wanted = key();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(addon, { force: true }); // of other sources
  const reason = missing();
  if (reason !== undefined) return; // tried again next time: it costs milliseconds
  mkdirSync(dirname(stamp), { recursive: true });
  const gyp = fileURLToPath(new URL('packages/sfu-worker/node_modules/node-gyp/bin/node-gyp.js', root));
  const build = spawn(process.execPath, [gyp, 'rebuild', '-j', 'max', `--nodedir=${headers()}`], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  /** @type {Buffer[]} */
  const output = [];
  build.stdout.on('data', (/** @type {Buffer} */ bytes) => output.push(bytes));
  build.stderr.on('data', (/** @type {Buffer} */ bytes) => output.push(bytes));
  const status = await new Promise((resolve) => {
    build.on('error', () => resolve(1));
    build.on('close', resolve);
  });
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(log, Buffer.concat(output));
  writeFileSync(stamp, wanted);
  if (status !== 0)
    console.error(
      'The native media path could not be built (packages/sfu-worker/native/build/build.log); the portable one serves.',
    );
}
