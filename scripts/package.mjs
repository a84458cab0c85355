// `npm run package [-- folder]`: the server with what it needs to run and nothing else, for an image or another host of
// the same system and Node version. The folder must not exist or be empty; `folder/bin/shardcast.js` starts it.
import './ready.mjs';
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './paths.mjs';
import { pnpm } from './pnpm.mjs';

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('.cache/package', root)));
if (existsSync(folder) && readdirSync(folder).length > 0) {
  console.error(`${folder} is not empty`);
  process.exit(1);
}
const status = pnpm(['--filter', '@shardcast/signaling', '--prod', '--legacy', '--prefer-offline', 'deploy', folder]);
if (status !== 0) process.exit(status);
console.log(folder);
