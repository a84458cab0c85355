import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigSchema } from '@shardcast/shared/config';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = new URL('../', import.meta.url);
const read = (name: string) => readFileSync(new URL(`deploy/${name}`, ROOT), 'utf8');
const DEFAULTS = ConfigSchema.parse({});
const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));

describe('the package', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'shardcast-package-'));
    const script = fileURLToPath(new URL('scripts/package.mjs', ROOT));
    const made = spawnSync(process.execPath, [script, join(folder, 'app')], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is a server that runs from its folder alone', async () => {
    const server = spawn(
      join(folder, 'app/bin/shardcast.js'),
      ['webrtc', 'rtsp', 'api', 'metrics', 'pprof']
        .map((door) => `--${door}Address=127.0.0.1:0`)
        .concat('--webrtcLocalUDPAddress=:0'),
      { cwd: folder, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const exit = once(server, 'exit');
    let line = '';
    for await (const chunk of server.stdout.setEncoding('utf8')) {
      line += chunk;
      if (line.includes('\n')) break;
    }
    const web = /http:\/\/localhost:\d+/.exec(line)?.[0] ?? '';
    expect(await (await fetch(`${web}/healthz`)).json()).toMatchObject({ status: expect.any(String) });
    expect((await fetch(`${web}/demo/`)).status).toBe(200);
    expect((await fetch(`${web}/demo/reader.js`)).status).toBe(200);
    server.kill('SIGTERM');
    expect((await exit)[0]).toBe(0);
  });

  test('measures itself and others from there', () => {
    const { stdout, status } = spawnSync(
      join(folder, 'app/bin/shardcast.js'),
      ['bench', '--steps=1x2', '--seconds=1', '--warmup=0', '--quiet', '--json=-', '--html=bench.html'],
      { cwd: folder, env: { PATH: process.env['PATH'] }, encoding: 'utf8' },
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ passed: true, steps: [{ name: '1x2', joined: 2, lost: 0 }] });
    expect(readFileSync(join(folder, 'bench.html'), 'utf8')).toContain('</svg>');
  });

  test('checks what the compose file and the chart configure', () => {
    for (const [name, config] of [
      ['compose', read('compose/shardcast.yml')],
      ['chart', JSON.stringify(parse(read('helm/shardcast/values.yaml')).config)],
    ] as const) {
      const file = join(folder, `${name}.yml`);
      writeFileSync(file, config);
      const { status, stderr } = spawnSync(join(folder, 'app/bin/shardcast.js'), ['--check', file], {
        encoding: 'utf8',
      });
      expect([name, status, stderr]).toEqual([name, 0, '']);
    }
  });
});

test('every file of a deployment names the ports that there are', () => {
  const web = portOf(DEFAULTS.webrtcAddress);
  const rtsp = portOf(DEFAULTS.rtspAddress);
  const udp = portOf(DEFAULTS.webrtcLocalUDPAddress);
  const metrics = portOf(DEFAULTS.metricsAddress);
  const dockerfile = read('docker/Dockerfile');
  expect(dockerfile).toContain(`EXPOSE ${web}/tcp ${rtsp}/tcp ${portOf(DEFAULTS.rtspsAddress)}/tcp ${udp}-`);
  expect(dockerfile).toContain(`http://127.0.0.1:${web}/healthz`);
  expect(parse(read('compose/prometheus.yml')).scrape_configs[0].static_configs[0].targets).toEqual([
    `127.0.0.1:${metrics}`,
  ]);
  const chart = read('helm/shardcast/templates/statefulset.yaml');
  for (const [name, port] of Object.entries({ http: web, rtsp, metrics }))
    expect(chart).toContain(`{ name: ${name}, containerPort: ${port} }`);
  expect(parse(read('helm/shardcast/values.yaml')).media.hostPort).toBe(udp);
});

test('compose has only what is there', () => {
  const { services } = parse(read('compose/compose.yml')) as { services: Record<string, { volumes: string[] }> };
  for (const { volumes } of Object.values(services)) {
    for (const volume of volumes.filter((each) => each.startsWith('.'))) {
      const [source = ''] = volume.split(':');
      expect(() => readFileSync(new URL(source, new URL('deploy/compose/', ROOT))), source).not.toThrow(/ENOENT/);
    }
  }
});
