// Installs when the lock file changed and builds incrementally. `npm start` and `npm test` call it first.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { buildDashboard } from './dashboard.mjs';
import { buildNativeAddon } from './native-addon.mjs';
import { root } from './paths.mjs';
import { pnpm } from './pnpm.mjs';
import { buildWasm } from './wasm.mjs';

const file = (name) => new URL(name, root);
const MINIMUM = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return;
  console.error(`Shardcast needs Node ${MINIMUM.join('.')} or newer; this is ${process.version}.`);
  process.exit(1);
}

function install() {
  const hash = createHash('sha256');
  for (const name of ['pnpm-lock.yaml', 'package.json', 'pnpm-workspace.yaml']) hash.update(readFileSync(file(name)));
  const key = `${hash.digest('hex')} ${process.version} ${process.platform}-${process.arch}`;
  const stamp = file('node_modules/.ready');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  const status = pnpm(['install', '--frozen-lockfile', '--prefer-offline', '--config.confirmModulesPurge=false']);
  if (status !== 0) process.exit(status);
  writeFileSync(stamp, key);
}

async function build() {
  const tsc = spawn(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  const addon = buildNativeAddon();
  const wasm = buildWasm();
  const dashboard = buildDashboard();
  const [status] = await once(tsc, 'close');
  await Promise.all([addon, wasm, dashboard]);
  if (status !== 0) process.exit(status ?? 1);
}

checkNode();
install();
await build();
