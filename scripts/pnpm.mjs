// Runs the pnpm that package.json pins: the one on PATH if it is that version, else through npx, which ships with npm.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { root } from './paths.mjs';

const wanted = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).packageManager;

/** @param {string[]} args @returns {string} what it prints; throws when it fails */
export function pnpmOutput(args) {
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 };
  const { status, stdout, stderr } = spawnSync('npx', ['--yes', '--', wanted, ...args], options);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/**
 * Everything it prints goes to stderr: stdout belongs to the server.
 * @param {string[]} args @returns {number} the exit code
 */
export function pnpm(args) {
  // `npm run` exports npm_config_* of the caller's settings, which pnpm would read as its own.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(config|package|lifecycle)_/i.test(key)),
  );
  const options = { cwd: root, stdio: ['ignore', 2, 2], env, shell: process.platform === 'win32' };
  const onPath = spawnSync('pnpm', ['--version'], { ...options, stdio: 'pipe', encoding: 'utf8' });
  if (onPath.status === 0 && `pnpm@${onPath.stdout.trim()}` === wanted)
    return spawnSync('pnpm', args, options).status ?? 1;
  return spawnSync('npx', ['--yes', '--', wanted, ...args], options).status ?? 1;
}
