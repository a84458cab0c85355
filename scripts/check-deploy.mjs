// `npm run check:deploy`: what can be said of deploy/ without a container engine. Tools that are not here are named, not passed over.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './paths.mjs';

const directory = fileURLToPath(new URL('deploy/', root));
const chart = join(directory, 'helm/shardcast');
const everything = [
  'autoscaling.enabled=true',
  'ingress.enabled=true',
  'ingress.tlsSecret=tls',
  'podMonitor.enabled=true',
];
const scratch = mkdtempSync(join(tmpdir(), 'deploy-'));
// The unit names a folder that is not here; all else of it can be checked.
const unit = join(scratch, 'shardcast.service');
const written = readFileSync(join(directory, 'systemd/shardcast.service'), 'utf8');
writeFileSync(unit, written.replace('/usr/bin/env node', process.execPath));

const checks = [
  ['helm', ['lint', '--strict', chart]],
  ['helm', ['template', 'x', chart, '--kube-version', '1.30.0']],
  ['helm', ['template', 'x', chart, '--kube-version', '1.30.0', ...everything.flatMap((set) => ['--set', set])]],
  ['systemd-analyze', ['verify', '--man=no', unit]],
  ['docker', ['compose', '-f', join(directory, 'compose/compose.yml'), 'config', '--quiet']],
  ['docker', ['build', '--check', '-f', join(directory, 'docker/Dockerfile'), fileURLToPath(root)]],
  ['promtool', ['check', 'rules', join(directory, 'prometheus/alerts.yml')]],
  ['promtool', ['test', 'rules', join(directory, 'prometheus/alerts.test.yml')]],
  ['promtool', ['check', 'config', '--syntax-only', join(directory, 'compose/prometheus.yml')]],
];

let failed = 0;
for (const [tool, args] of checks) {
  const { status, error, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8' });
  const what = [tool, ...args.filter((arg) => !arg.startsWith('/') || arg === chart).slice(0, 2)].join(' ');
  // A client alone knows neither command.
  const isAbsent =
    error !== undefined || /unknown (?:shorthand )?flag|Cannot connect to the Docker daemon/.test(stderr);
  if (!isAbsent && status !== 0) failed++;
  console.log(`${isAbsent ? `not run (no ${tool})` : status === 0 ? 'passed' : 'FAILED'}: ${what}`);
  if (!isAbsent && status !== 0) console.log(`${stdout}${stderr}`);
}
rmSync(scratch, { recursive: true });
process.exit(failed === 0 ? 0 : 1);
