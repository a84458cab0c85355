import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const CLIP = fileURLToPath(new URL('../packages/signaling/assets/demo.h264', import.meta.url));
const MAIN = fileURLToPath(new URL('../packages/signaling/dist/main.js', import.meta.url));
const FREE_PORTS = [
  '--webrtcAddress=127.0.0.1:0',
  '--rtspAddress=127.0.0.1:0',
  '--apiAddress=127.0.0.1:0',
  '--metricsAddress=127.0.0.1:0',
  '--pprofAddress=127.0.0.1:0',
  '--webrtcLocalUDPAddress=127.0.0.1:0',
];

const WAIT = { timeout: 15_000, interval: 20 };

let directory: string;
let children: ChildProcess[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shardcast-process-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.err += text;
  });
  const exit = once(child, 'close').then(([code]) => code as number | null);
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', () => {
      if (output.out.includes('shardcast ready')) resolve();
    });
  });
  return { child, output, exit, ready };
}

test('the first line of stdout says that it is ready, whatever the log level', async () => {
  const { output, ready } = start('--logLevel=error', ...FREE_PORTS);
  await ready;
  expect(output.out).toMatch(/^shardcast ready http:\/\/localhost:\d+ rtsp:\/\/localhost:\d+ /);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it with exit code 0`, async () => {
    const { child, exit, ready } = start(...FREE_PORTS);
    await ready;
    child.kill(signal);
    expect(await exit).toBe(0);
  });
}

test('a fault in the configuration is said with its line, and ends it with exit code 1', async () => {
  writeFileSync(join(directory, 'shardcast.yml'), 'paths:\n  cam1:\n    sorce: rtsp://192.0.2.1/\n');
  const { output, exit } = start(...FREE_PORTS);
  expect(await exit).toBe(1);
  expect(output.err).toContain('shardcast.yml:3');
  expect(output.err).not.toContain('    at ');
});

test('--check, --help and --version answer and end', async () => {
  for (const [flag, answer] of [
    ['--check', 'valid'],
    ['--help', '--check'],
    ['--version', '0.'],
  ] as const) {
    const { output, exit } = start(flag);
    expect(await exit).toBe(0);
    expect(output.out).toContain(answer);
  }
});

test('a TCP port in use is named, and ends it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const { output, exit } = start(...FREE_PORTS, `--webrtcAddress=127.0.0.1:${port}`);
  expect(await exit).toBe(1);
  expect(output.err).toContain(`127.0.0.1:${port}`);
  taken.close();
});

test('a UDP port in use is named, and ends it', async () => {
  const taken = createSocket('udp4').bind(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  const { output, exit } = start(...FREE_PORTS, `--webrtcLocalUDPAddress=127.0.0.1:${port}`, '--workers=1');
  expect(await exit).toBe(1);
  expect(output.err).toContain(`webrtcLocalUDPAddress 127.0.0.1:${port}`);
  taken.close();
});

test('SIGHUP takes over paths that changed, leaves the others alone, and a faulty file changes nothing', async () => {
  const file = join(directory, 'shardcast.yml');
  const write = (...names: string[]) =>
    writeFileSync(file, `paths:\n${names.map((name) => `  ${name}: {source: "file:${CLIP}"}\n`).join('')}`);
  write('kept', 'old');
  const { child, output, exit, ready } = start(...FREE_PORTS, '--workers=1');
  await ready;
  const api = /api=(\S+)/.exec(output.out)?.[1] ?? '';
  const path = async (name: string): Promise<{ online?: boolean; onlineTime?: string }> =>
    await (await fetch(`${api}/v3/paths/get/${name}`)).json();
  const online = (name: string) => vi.waitFor(async () => expect((await path(name)).online).toBe(true), WAIT);
  await online('kept');
  await online('old');
  const { onlineTime } = await path('kept');

  write('kept', 'new');
  child.kill('SIGHUP');
  await online('new');
  expect((await fetch(`${api}/v3/paths/get/old`)).status).toBe(404);
  expect(await path('kept')).toMatchObject({ online: true, onlineTime });

  writeFileSync(file, 'paths:\n  kept:\n    sorce: none\n');
  child.kill('SIGHUP');
  await vi.waitFor(() => expect(output.err).toContain('the one before stays in force'), WAIT);
  expect(output.err).toContain('shardcast.yml:3');
  expect(await path('new')).toMatchObject({ online: true });
  expect(await path('kept')).toMatchObject({ online: true, onlineTime });
  child.kill('SIGTERM');
  expect(await exit).toBe(0);
});

// Threat 26.
test('without file descriptors to spare, strangers are told to come later, and what is established goes on', async () => {
  writeFileSync(join(directory, 'shardcast.yml'), `paths: {cam: {source: "file:${CLIP}"}}\n`);
  const command = `ulimit -n 256 && exec ${process.execPath} ${MAIN} ${FREE_PORTS.join(' ')} --workers=1`;
  const child = spawn('/bin/sh', ['-c', command], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  const exit = once(child, 'close').then(([code]) => code as number | null);
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    out += chunk;
    if (out.includes('shardcast ready')) break;
  }
  child.stdout.resume();
  child.stderr.resume();
  const web = new URL(/http:\/\/localhost:\d+/.exec(out)?.[0] ?? '');
  const established = new Agent({ keepAlive: true, maxSockets: 1 });
  const health = () =>
    new Promise<number | undefined>((resolve, reject) => {
      get({ host: '127.0.0.1', port: web.port, path: '/healthz', agent: established }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      }).on('error', reject);
    });
  expect(await health()).toBe(200);

  const answers: string[] = [];
  const crowd = Array.from({ length: 300 }, () => {
    const socket = connect(Number(web.port), '127.0.0.1');
    socket.on('error', () => undefined).on('data', (bytes) => answers.push(bytes.toString()));
    return socket;
  });
  await vi.waitFor(() => expect(answers.length).toBeGreaterThan(50), WAIT);
  expect(new Set(answers.map((answer) => answer.split('\r\n').slice(0, 2).join()))).toEqual(
    new Set(['HTTP/1.1 503 Service Unavailable,Retry-After: 5']),
  );
  expect(await health()).toBe(200);
  for (const socket of crowd) socket.destroy();
  await vi.waitFor(async () => expect((await fetch(new URL('/healthz', web))).status).toBe(200), WAIT);
  established.destroy();
  child.kill('SIGTERM');
  expect(await exit).toBe(0);
});

describe('what the API changes', () => {
  test('survives a restart, and the file is as it was written', async () => {
    const file = join(directory, 'shardcast.yml');
    const text = `# The yard\npaths:\n  kept: {source: "file:${CLIP}"}   # by the gate\n`;
    writeFileSync(file, text);
    const first = start(...FREE_PORTS, '--workers=1');
    await first.ready;
    const change = async (api: string, method: string, path: string, body: unknown) =>
      (await fetch(`${api}/v3/config/${path}`, { method, body: JSON.stringify(body) })).json();
    const online = (api: string, name: string) =>
      vi.waitFor(async () => {
        const path = (await (await fetch(`${api}/v3/paths/get/${name}`)).json()) as { online?: boolean };
        expect(path.online).toBe(true);
      }, WAIT);
    const apiOf = ({ output }: typeof first) => /api=(\S+)/.exec(output.out)?.[1] ?? '';
    const api = apiOf(first);
    await online(api, 'kept');
    const { onlineTime } = (await (await fetch(`${api}/v3/paths/get/kept`)).json()) as { onlineTime: string };

    expect(await change(api, 'POST', 'paths/add/new?dryRun=true', { source: `file:${CLIP}` })).toMatchObject({
      effects: { summary: 'starts new' },
    });
    expect(await change(api, 'POST', 'paths/add/new', { source: `file:${CLIP}` })).toMatchObject({ status: 'ok' });
    expect(await change(api, 'PATCH', 'global/patch', { rtcpInterval: '5s' })).toMatchObject({
      effects: { atWorkerStart: ['rtcpInterval'] },
    });
    await online(api, 'new');
    expect(await (await fetch(`${api}/v3/paths/get/kept`)).json()).toMatchObject({ online: true, onlineTime });
    first.child.kill('SIGKILL');
    await first.exit;

    const second = start(...FREE_PORTS, '--workers=1');
    await second.ready;
    await online(apiOf(second), 'new');
    await online(apiOf(second), 'kept');
    expect(await (await fetch(`${apiOf(second)}/v3/config/global/get`)).json()).toMatchObject({ rtcpInterval: '5s' });
    expect(readFileSync(file, 'utf8')).toBe(text);
    second.child.kill('SIGTERM');
    expect(await second.exit).toBe(0);
  });
});

test('a file that changes is read again by itself', async () => {
  const file = join(directory, 'shardcast.yml');
  writeFileSync(file, 'paths: {one: {}}\n');
  const { child, output, exit, ready } = start(...FREE_PORTS, '--workers=1');
  await ready;
  writeFileSync(file, 'paths: {one: {}, two: {}}\n');
  await vi.waitFor(() => expect(output.err).toContain('starts two'), WAIT);
  child.kill('SIGTERM');
  expect(await exit).toBe(0);
});
