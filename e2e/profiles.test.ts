import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { meanwhile } from './support/meanwhile.ts';
import { type ReadProfile, readProfile } from './support/pprof-reader.ts';
import { TestServer } from './support/server.ts';
import { WeriftViewer } from './support/werift-viewer.ts';

const SECONDS = 3;
const H264 = {
  mimeType: 'video/H264',
  parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
};
/** What one looks for after switching the two off. */
const SWITCHED_OFF = /nack|mdns/i;

let server: TestServer;
let viewers: WeriftViewer[] = [];
afterEach(async () => {
  await Promise.all(viewers.splice(0).map((viewer) => viewer.close()));
  viewers = [];
  await server?.stop();
});

/** A server with a stream on each of two workers and a viewer of each. */
async function start(flags: Record<string, string> = {}): Promise<void> {
  const streams = ['a', 'b', 'c', 'd'];
  const clip = new URL('../packages/signaling/assets/demo.h264', import.meta.url).pathname;
  server = await TestServer.start({
    flags: { workers: '2', ...flags },
    config: `paths:\n${streams.map((name) => `  ${name}: { source: 'file:${clip}' }\n`).join('')}`,
  });
  for (const name of streams) await server.online(name);
  const paths = await server.paths();
  expect(new Set(paths.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
  viewers = await Promise.all(streams.map((name) => WeriftViewer.play(`${server.web}/${name}/whep`, H264)));
  for (const { payloads } of viewers) await expect.poll(() => payloads.length, { timeout: 10_000 }).toBeGreaterThan(0);
}

async function profile(kind: string): Promise<{ file: Buffer; read: ReadProfile }> {
  // Main is to have something to do, too.
  return meanwhile(
    () => server.paths(),
    async () => {
      const response = await fetch(`${server.pprofUrl}/debug/pprof/${kind}`);
      expect(response.status).toBe(200);
      const file = Buffer.from(await response.arrayBuffer());
      return { file, read: readProfile(file) };
    },
  );
}
const names = ({ samples }: ReadProfile) => new Set(samples.flatMap(({ stack }) => stack));
const threads = ({ samples }: ReadProfile) => new Set(samples.map(({ labels }) => labels['thread']));

/** `go tool pprof -top`, where Go is installed. */
function goTop(file: Buffer): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'shardcast-pprof-'));
  try {
    writeFileSync(join(directory, 'cpu.prof'), file);
    const options = { encoding: 'utf8', env: { ...process.env, PPROF_TMPDIR: directory }, timeout: 60_000 } as const;
    return execFileSync(
      'go',
      ['tool', 'pprof', '-top', '-nodecount=10000', '-nodefraction=0', join(directory, 'cpu.prof')],
      {
        ...options,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
  } catch {
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('a CPU profile under traffic has all threads, by the names of the sources, and neither NACK nor mDNS', async () => {
  await start();
  // A sampler sees a thread that has next to nothing to do by chance only.
  const [{ file, read }, refused] = await meanwhile(
    () => Promise.all(viewers.map((viewer) => viewer.requestKeyframe())),
    () =>
      Promise.all([
        profile(`profile?seconds=${SECONDS}`),
        new Promise((resolve) => setTimeout(resolve, 1000)).then(() =>
          fetch(`${server.pprofUrl}/debug/pprof/profile?seconds=1`),
        ),
      ]),
  );
  expect(refused.status).toBe(409);
  expect(read.types).toEqual(['samples/count', 'cpu/nanoseconds']);
  expect(threads(read)).toEqual(new Set(['main', 'worker-0', 'worker-1']));
  expect(read.comments).toEqual(['threads: main, worker-0, worker-1']);
  expect([...names(read)].some((name) => name.startsWith('sfu-worker/forward/'))).toBe(true);
  expect(JSON.stringify(read)).not.toContain('is missing');
  const found = [...names(read)].filter((name) => SWITCHED_OFF.test(name));
  expect(found).toEqual([]);
  const top = goTop(file);
  console.log(`go tool pprof ${top === undefined ? 'is not here' : 'read it'}: ${read.samples.length} stacks`);
  if (top !== undefined) {
    expect(top).toContain('Type: cpu');
    expect(top).not.toMatch(SWITCHED_OFF);
  }
});

test('with `nack: on` the same profile shows NACKs of a viewer that loses packets', async () => {
  await start({ nack: 'on' });
  const { read } = await meanwhile(
    () => Promise.all(viewers.map((viewer) => viewer.claimLost(50))),
    () => profile(`profile?seconds=${SECONDS}`),
  );
  expect([...names(read)].filter((name) => SWITCHED_OFF.test(name))).not.toEqual([]);
});

test('a heap profile has all threads, and each says what it holds open', async () => {
  await start();
  const { read } = await profile('heap');
  expect(read.types).toEqual(['inuse_space/bytes']);
  // One allocation in 512 KiB is sampled: a small heap may have none that is alive.
  expect(read.comments).toEqual(['threads: main, worker-0, worker-1']);
  expect(threads(read)).toContain('main');
  const { items } = (await (await fetch(`${server.pprofUrl}/debug/pprof/workers`)).json()) as {
    items: { thread: string; sessions: number; streams: number }[];
  };
  expect(items.map(({ thread }) => thread)).toEqual(['main', 'worker-0', 'worker-1']);
  expect(items.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(viewers.length);
});
