// `npm run bench [-- --all --workload=64x1,ramp --only=TOBE --seconds=8 --profile]`: see docs/benchmarks.md.
import './ready.mjs';
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { root } from './paths.mjs';

// The generator has the second processor to itself, the server the first.
const node = [process.execPath, '--conditions=source', '--import=tsx', 'bench/src/main.ts', ...process.argv.slice(2)];
const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-V']).status === 0;
const pinned = canPin ? ['taskset', '-c', '1', ...node] : node;
const { status } = spawnSync(pinned[0], pinned.slice(1), { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
