// `npm run fuzz:native [seconds] [seed]`: the addon under the address and undefined-behaviour sanitizers, first its core as a
// program of its own, then all of it inside Node. `npm test` runs a short form. Needs g++ with the sanitizers' libraries
// and OpenSSL's headers; says what it lacks.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { headers } from './native-addon.mjs';
import { root } from './paths.mjs';

const native = fileURLToPath(new URL('packages/sfu-worker/native', root));
const cache = fileURLToPath(new URL('.cache/fuzz', root));
const FLAGS = [
  '-std=c++20',
  '-O1',
  '-g',
  '-Wall',
  '-Wextra',
  '-Wno-cast-function-type',
  '-DOPENSSL_SUPPRESS_DEPRECATED',
];
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];
const compiler = process.env['CXX'] ?? 'g++';

/** @returns {string} of a library of the compiler's, '' when it has none */
function library(/** @type {string} */ name) {
  const path = spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout?.trim() ?? '';
  return existsSync(path) ? path : '';
}

/** @returns {string | undefined} */
function missing() {
  if (process.platform !== 'linux') return 'the addon is for Linux';
  if (spawnSync(compiler, ['--version'], { stdio: 'ignore' }).status !== 0) return `no ${compiler}`;
  if (library('libasan.so') === '' || library('libubsan.so') === '') return 'no sanitizer libraries';
  if (headers() === undefined) return 'no headers of this Node beside its binary';
  const probe = spawnSync(compiler, ['-x', 'c++', '-', '-lssl', '-lcrypto', '-o', '/dev/null'], {
    input: '#include <openssl/ssl.h>\nint main() { return DTLS_method() == nullptr; }',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return probe.status === 0 ? undefined : 'no OpenSSL to link with';
}

function files(/** @type {string} */ folder, /** @type {string} */ ending) {
  return readdirSync(join(native, folder))
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(native, folder, name));
}

/** Builds what is not built of these sources yet. @returns {boolean} */
function build(/** @type {string} */ output, /** @type {string[]} */ options) {
  const hash = createHash('sha256').update(JSON.stringify([compiler, options, process.version]));
  for (const file of [...files('src', ''), ...files('fuzz', '')]) hash.update(readFileSync(file));
  const key = hash.digest('hex');
  if (existsSync(output) && existsSync(`${output}.key`) && readFileSync(`${output}.key`, 'utf8') === key) return true;
  mkdirSync(cache, { recursive: true });
  const { status } = spawnSync(compiler, [...FLAGS, ...SANITIZE, ...options, '-o', output], { stdio: 'inherit' });
  if (status === 0) writeFileSync(`${output}.key`, key);
  return status === 0;
}

/** @returns {{ passed: number, failures: string[], skipped?: number }} */
export function fuzzNative(/** @type {number} */ seconds, /** @type {number} */ seed) {
  const reason = missing();
  if (reason !== undefined) {
    console.log(`skip the native path under sanitizers: ${reason}`);
    return { passed: 0, failures: [], skipped: 2 };
  }
  const core = join(cache, 'core');
  const addon = join(cache, 'shardcast.node');
  const napi = createRequire(join(native, '../package.json'))('node-addon-api').include_dir;
  const sources = files('src', '.cc');
  const plain = sources.filter((file) => !/addon\.cc$|_object\.cc$|ready_set\.cc$/.test(file));
  const include = join(headers() ?? '', 'include/node');
  const define = [
    '-DNAPI_VERSION=8',
    '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ];
  const steps = /** @type {const} */ ([
    [
      'the core under sanitizers',
      () => build(core, [...files('fuzz', '.cc'), ...plain, '-lssl', '-lcrypto']),
      core,
      [String(seconds), String(seed)],
      {},
    ],
    [
      'the addon under sanitizers',
      () => build(addon, ['-shared', '-fPIC', ...define, `-I${include}`, `-I${napi}`, ...sources]),
      process.execPath,
      ['--expose-gc', join(native, 'fuzz/calls.cjs'), addon, String(seconds), String(seed)],
      {
        // Node was built without them. It keeps what it has at its end, so leaks are the core's to find.
        LD_PRELOAD: `${library('libasan.so')}:${library('libubsan.so')}`,
        ASAN_OPTIONS: 'detect_leaks=0',
      },
    ],
  ]);
  const failures = [];
  for (const [name, make, command, args, env] of steps) {
    const ok =
      make() && spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
    if (!ok) failures.push(name);
  }
  return { passed: steps.length - failures.length, failures };
}

if (process.argv[1]?.endsWith('fuzz-native.mjs')) {
  const seconds = Number(process.argv[2] ?? 60);
  const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
  process.exit(fuzzNative(seconds, seed).failures.length === 0 ? 0 : 1);
}
