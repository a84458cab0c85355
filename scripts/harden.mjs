// `npm run harden [-- --short --only=S3,S9 --json=file]`: attacks a server of its own, and watches twenty viewers meanwhile.
import './ready.mjs';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { root } from './paths.mjs';

mkdirSync(new URL('bench/results/', root), { recursive: true }); // where the server runs
const args = ['--conditions=source', '--import=tsx', 'harden/src/main.ts', ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
