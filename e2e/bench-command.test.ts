import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Report } from '@shardcast/load/command';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LossyRelay } from './support/lossy-relay.ts';
import { RtspCamera } from './support/rtsp-camera.ts';
import { TestServer, until } from './support/server.ts';

const MAIN = fileURLToPath(new URL('../packages/signaling/dist/main.js', import.meta.url));
const CLIP = fileURLToPath(new URL('../packages/signaling/assets/demo.h264', import.meta.url));
const CONFIG = `
authInternalUsers:
  - user: any
    permissions: [{action: publish}, {action: read, path: '~^(live|bench0|bench1|nothing)$'}, {action: api}, {action: metrics}]
  - user: guest
    pass: secret
    permissions: [{action: read, path: closed}]
paths:
  live: {source: "file:${CLIP}"}
  closed: {source: "file:${CLIP}"}
  bench0: {}
  bench1: {}
`;
/** What a busy machine may do to a latency on it; some ms where nothing else runs. */
const LATENCY_BOUND_MS = 500;

let server: TestServer;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shardcast-bench-'));
  server = await TestServer.start({ config: CONFIG, flags: { workers: '2' } });
  await server.online('live');
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Run = { readonly code: number | null; readonly out: string; readonly err: string };

function start(...argv: string[]): { readonly child: ChildProcess; readonly ended: Promise<Run> } {
  const child = spawn(process.execPath, [MAIN, 'bench', ...argv], { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, out, err })) };
}

const bench = (...argv: string[]) => start(...argv).ended;
const report = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report;

async function sent(path: string): Promise<number> {
  return (await server.metrics()).sum('shardcast_stream_outbound_packets_total', { path });
}

async function nobodyWatches(path: string): Promise<void> {
  const readers = async () => (await server.path(path))?.readerCount;
  await until(
    async () => (await readers()) === 0,
    3000,
    () => `somebody still watches ${path}`,
  );
}

test('what viewers of an address got is what the server says that it sent', async () => {
  const before = await sent('live');
  const url = `${server.web}/live/whep`;
  const { code, out, err } = await bench(url, '--viewers=3', '--seconds=2', '--warmup=0', '--json=live.json');
  expect([code, err.split('\n')[0]]).toEqual([0, '1 stream, 3 viewers, joining: 0 of 3']);
  expect(out).toContain('within the limits');
  const [step] = report('live.json').steps;
  if (step === undefined) throw new Error('no step');
  expect(step).toMatchObject({ joined: 3, failures: [], silentViewers: 0, lost: 0, bad: 0, delayKind: 'variation' });
  expect(step).toMatchObject({ server: null, camerasSkipped: null, ramp: null });
  expect(step.timeline).toHaveLength(2);
  expect(step.perViewer.map(({ number, codecs }) => [number, codecs])).toEqual(
    [0, 1, 2].map((i) => [i, ['H264', 'OPUS']]),
  );
  expect(step.joinMs.firstKeyframe?.max).toBeGreaterThan(step.joinMs.answer?.p50 ?? Number.POSITIVE_INFINITY);
  await nobodyWatches('live');
  const missed = (await sent('live')) - before - step.sessionPackets;
  // What came between the last look and the goodbye.
  expect(missed).toBeGreaterThanOrEqual(0);
  expect(missed).toBeLessThan(step.packetsPerSecond);
  const perViewer = step.perViewer.reduce((sum, { packets }) => sum + packets, 0);
  expect(perViewer).toBe(step.packets);
});

test('with cameras of its own it says the latency, and the page of its report is whole', async () => {
  const { code, err } = await bench(
    `--publish=${server.rtsp}/bench{}`,
    `--whep=${server.web}/bench{}/whep`,
    ...['--streams=2', '--viewers=4', '--seconds=2', '--warmup=1', '--quiet', '--json=own.json', '--html=own.html'],
  );
  expect([code, err]).toEqual([0, '']);
  const [step] = report('own.json').steps;
  expect(step).toMatchObject({ joined: 4, lost: 0, bad: 0, camerasSkipped: 0, delayKind: 'latency' });
  expect(step?.delayMs?.p50).toBeGreaterThan(0);
  expect(step?.delayMs?.p99).toBeLessThan(LATENCY_BOUND_MS);
  // 1 Mbit/s a camera, two viewers each.
  expect(step?.bitrateBps).toBeGreaterThan(3e6);
  expect(step?.bitrateBps).toBeLessThan(5e6);

  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await (await browser.newContext()).newPage();
    const faults: string[] = [];
    const address = pathToFileURL(join(folder, 'own.html')).href;
    page.on('console', (message) => faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('request', (request) => {
      if (request.url() !== address && !request.url().startsWith('data:')) faults.push(request.url());
    });
    await page.goto(address);
    await page.locator('summary').click();
    expect(await page.locator('h2').first().textContent()).toBe('2 streams, 4 viewers');
    expect(await page.locator('svg').count()).toBe(4);
    expect(await page.locator('.numbers tbody tr').count()).toBe(4);
    expect(await page.locator('path.line').first().getAttribute('d')).toMatch(/^M[\d.]+ [\d.]+L/);
    expect(faults).toEqual([]);
    // Its policy allows no script, ours included: axe is put in from outside.
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => {
      const { axe: checker } = window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await checker.run()).violations.map(({ id, nodes }) => [id, nodes[0]?.html]);
    });
    expect(violations).toEqual([]);
  } finally {
    await browser.close();
  }
});

test('a server of its own is started, measured and gone', async () => {
  const args = ['--steps=2x2', '--seconds=1', '--warmup=0', '--quiet', '--json=-'];
  const { code, out } = await bench(...args, '--', '--workers=1');
  const { steps, target } = JSON.parse(out) as Report;
  expect(code).toBe(0);
  expect(target).toMatchObject({ kind: 'own', serverArguments: ['--workers=1'] });
  expect(steps).toMatchObject([{ name: '2x2', joined: 4, lost: 0, delayKind: 'latency' }]);
  expect(steps[0]?.server?.cpuMicrosecondsPerPacket).toBeGreaterThan(0);
});

test('by WHIP it publishes as well, and says goodbye', async () => {
  const whip = `${server.web}/bench{}/whip`;
  const args = [`--publish=${whip}`, `--whep=${server.web}/bench{}/whep`, '--seconds=1', '--warmup=0', '--quiet'];
  expect((await bench(...args)).code).toBe(0);
  const isGone = async () => (await server.path('bench0'))?.online === false;
  await until(isGone, 3000, () => 'the camera is still there');
});

test('by RTSP it measures a server that has no code in common with ours', async () => {
  const camera = await RtspCamera.start({ user: 'ann', password: 'pw', audio: 'opus' });
  try {
    const url = camera.url('ann:pw');
    const { code, out } = await bench(url, '--viewers=2', '--seconds=2', '--warmup=1', '--quiet', '--json=-');
    const { steps } = JSON.parse(out) as Report;
    expect(code).toBe(0);
    expect(steps).toMatchObject([{ joined: 2, silentViewers: 0, lost: 0, delayKind: 'variation' }]);
    expect(steps[0]?.perViewer.map(({ codecs }) => codecs)).toEqual([1, 2].map(() => ['H264', 'OPUS']));
    expect(steps[0]?.joinMs.firstKeyframe).not.toBeNull();
    expect(out).not.toContain('ann');
    const refused = await bench(camera.url(), '--viewers=1', '--quiet');
    expect([refused.code, refused.out]).toEqual([1, expect.stringContaining('answered DESCRIBE with 401')]);
  } finally {
    await camera.kill();
  }
});

test('credentials get in, and are in no report', async () => {
  const url = new URL(`${server.web}/closed/whep`);
  const args = ['--viewers=1', '--seconds=1', '--warmup=0', '--quiet'];
  const refused = bench(url.href, ...args);
  url.username = 'guest';
  url.password = 'secret';
  const done = await bench(url.href, ...args, '--json=-', '--html=c.html');
  const { code, out } = await refused;
  expect(code).toBe(1);
  expect(out).toContain('answered 401');
  expect(done.code).toBe(0);
  expect(done.out + readFileSync(join(folder, 'c.html'), 'utf8')).not.toMatch(/secret|guest/);
});

test('what the network loses is counted, and the exit code says so', async () => {
  const { worker } = (await server.path('live')) ?? {};
  const { udpPort } = (await server.workers()).find(({ id }) => id === worker) ?? { udpPort: 0 };
  const relay = await LossyRelay.open(udpPort);
  // A front that answers for the server: its sessions have absolute addresses at another origin.
  const front = createServer(async (request, response) => {
    const offer = Buffer.concat(await request.toArray()).toString();
    const headers = { 'content-type': 'application/sdp' };
    const answer = await fetch(`${server.web}/live/whep`, { method: 'POST', headers, body: offer });
    const location = new URL(answer.headers.get('location') ?? '', server.web).href;
    const sdp = (await answer.text()).replaceAll(` ${udpPort} typ host`, ` ${relay.port} typ host`);
    response.writeHead(201, { ...headers, location }).end(sdp);
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
  try {
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}/whep`;
    const { child, ended } = start(url, '--viewers=1', '--seconds=3', '--warmup=0', '--json=lossy.json');
    let shown = '';
    child.stderr?.on('data', (text: string) => {
      shown += text;
    });
    await until(
      () => shown.includes('loss'),
      20_000,
      () => `no measurement: ${shown}`,
    );
    for (let losses = 1; losses <= 3; losses++) {
      const before = relay.lost;
      relay.loseFrame();
      await until(
        () => relay.lost > before,
        3000,
        () => 'nothing was lost',
      );
    }
    const { code, out } = await ended;
    expect(relay.overflowed()).toBe(0);
    const { steps, passed } = report('lossy.json');
    expect([code, passed, steps[0]?.lost]).toEqual([1, false, relay.lost]);
    expect(out).toMatch(/! .* % lost, the limit is 0.1 %/);
    await nobodyWatches('live');
  } finally {
    front.close();
    relay.close();
  }
});

test('a ramp says how many it held', async () => {
  const url = `${server.web}/live/whep`;
  const args = ['--viewers=4', '--ramp=2', '--seconds=1', '--max-delay=60000', '--quiet', '--json=-'];
  const { code, out } = await bench(url, ...args);
  expect(code).toBe(0);
  const { steps } = JSON.parse(out) as Report;
  expect(steps[0]?.ramp).toMatchObject({ heldViewers: 4, endedBy: null, levels: [{ viewers: 2 }, { viewers: 4 }] });
});

test('what cannot be watched fails in one line, and the exit code says so', async () => {
  const cases = [
    ['a path that is not there', `${server.web}/nothing/whep`, 'answered 404'],
    ['a page that is no WHEP', `${server.web}/live/`, 'answered 405'],
    ['a port that nobody listens on', 'http://127.0.0.1:9/cam/whep', '127.0.0.1:9 '],
  ] as const;
  const runs = cases.map(async ([name, url, said], i) => {
    const { code, out, err } = await bench(url, '--quiet', `--json=failed${i}.json`);
    expect([name, code, err]).toEqual([name, 1, '']);
    expect(out.split('\n').filter((line) => line.startsWith('! '))).toEqual([expect.stringContaining(said)]);
    expect(report(`failed${i}.json`)).toMatchObject({ passed: false, problems: [expect.stringContaining(said)] });
  });
  await Promise.all(runs);
});

test('a server that dies is no server without loss', async () => {
  const dying = await TestServer.start({ flags: { workers: '1' } });
  const { child, ended } = start(
    `${dying.web}/demo/whep`,
    '--viewers=2',
    '--seconds=6',
    '--warmup=0',
    '--json=dead.json',
  );
  let shown = '';
  child.stderr?.on('data', (text: string) => {
    shown += text;
  });
  await until(
    () => shown.includes('loss'),
    20_000,
    () => `no measurement: ${shown}`,
  );
  process.kill(dying.pid, 'SIGKILL');
  expect((await ended).code).toBe(1);
  expect(report('dead.json')).toMatchObject({ passed: false, steps: [{ joined: 2, silentViewers: 2 }] });
  await dying.stop();
});

test('a wrong option ends with 2 and measures nothing', async () => {
  const { code, out, err } = await bench('--viewrs=3');
  expect([code, out]).toEqual([2, '']);
  expect(err).toBe("shardcast bench: Unknown option '--viewrs' (--help says more)\n");
});

test('Ctrl-C ends the sessions and keeps what was measured', async () => {
  const { child, ended } = start(
    `${server.web}/live/whep`,
    '--viewers=2',
    '--seconds=60',
    '--warmup=0',
    '--json=cut.json',
  );
  let shown = '';
  child.stderr?.on('data', (text: string) => {
    shown += text;
  });
  await until(
    () => shown.includes('loss'),
    20_000,
    () => `no measurement: ${shown}`,
  );
  expect((await server.path('live'))?.readerCount).toBe(2);
  child.kill('SIGINT');
  const { code } = await ended;
  expect(code).toBe(130);
  await nobodyWatches('live');
  const { interrupted, passed, steps } = report('cut.json');
  expect([interrupted, passed]).toEqual([true, false]);
  expect(steps[0]?.packets).toBeGreaterThan(0);
});
