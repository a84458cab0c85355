import { createHash } from 'node:crypto';
import { runInThisContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { readProfile } from '../../../../e2e/support/pprof-reader.ts';
import { inspectorEngine, selectCpuEngine } from './cpu-engine.ts';
import { ThreadProfiler } from './thread-profiler.ts';

const profilers: ThreadProfiler[] = [];
afterEach(() => {
  for (const profiler of profilers.splice(0)) profiler.close();
});
function profiler(select?: ConstructorParameters<typeof ThreadProfiler>[0]): ThreadProfiler {
  const made = new ThreadProfiler(select);
  profilers.push(made);
  return made;
}

/** Another function each time: V8 leaves the names of those out that it has put into their caller before. */
function burner(): (untilMs: number, step: () => void) => void {
  const source = `(function burnOnPurpose(untilMs, step) { while (performance.now() < untilMs) step(); }) // ${performance.now()}`;
  return runInThisContext(source) as ReturnType<typeof burner>;
}

test.for([
  ['the one that is selected here', selectCpuEngine],
  ["Node's inspector", async () => inspectorEngine()],
] as const)('a CPU profile by %s names who was busy, and leaves out waiting', async ([, select]) => {
  const taken = profiler(select);
  for (let round = 0; round < 2; round++) {
    await taken.startCpu(60_000);
    await new Promise((resolve) => setTimeout(resolve, 200)); // waiting, which is not to show
    const beganMs = performance.now();
    burner()(beganMs + 300, () => createHash('sha1').update('block').digest());
    const busyNs = (performance.now() - beganMs) * 1e6;
    const profile = readProfile(Buffer.from(taken.stopCpu()));
    expect(profile.types).toHaveLength(2);
    const mine = profile.samples.filter(({ stack }) => stack.some((name) => name.includes('burnOnPurpose')));
    const sum = (samples: typeof profile.samples) => samples.reduce((total, { values }) => total + (values[1] ?? 0), 0);
    expect(sum(mine)).toBeGreaterThan(busyNs * 0.3); // others may have had the processor, garbage is collected without a stack
    expect(sum(profile.samples)).toBeLessThan(busyNs * 3);
    expect(profile.samples.flatMap(({ stack }) => stack)).not.toContain('(idle)');
  }
});

test('a thread takes one CPU profile at a time', async () => {
  const taken = profiler();
  await taken.startCpu(60_000);
  await expect(taken.startCpu(60_000)).rejects.toMatchObject({ code: 'PROFILE_RUNNING' });
  taken.stopCpu();
  expect(() => taken.stopCpu()).toThrow('no CPU profile');
  await taken.startCpu(60_000);
});

test('a profile that nobody fetches ends by itself', async () => {
  const taken = await new Promise<ThreadProfiler>((resolve) => {
    const made = profiler(async () => ({
      name: 'inspector',
      start() {},
      stop() {
        resolve(made);
        return new Uint8Array();
      },
    }));
    void made.startCpu(1);
  });
  expect(() => taken.stopCpu()).toThrow('no CPU profile');
});

test('an engine that does not start leaves the way free', async () => {
  let failures = 1;
  const taken = profiler(async () => ({
    name: 'inspector',
    start() {
      if (failures-- > 0) throw new Error('not now');
    },
    stop: () => new Uint8Array(),
  }));
  await expect(taken.startCpu(1000)).rejects.toThrow('not now');
  await taken.startCpu(1000);
});

test('a heap profile names who holds memory, and what was given up is gone', () => {
  const taken = profiler();
  let held: number[][] = [];
  const holdOnPurpose = () => {
    for (let count = 0; count < 400; count++) held.push(new Array<number>(10_000).fill(count + 0.5));
  };
  holdOnPurpose();
  const size = () =>
    readProfile(Buffer.from(taken.heap()))
      .samples.filter(({ stack }) => stack.some((name) => name.includes('holdOnPurpose')))
      .reduce((total, { values }) => total + (values[0] ?? 0), 0);
  const full = size();
  expect(full).toBeGreaterThan(16e6); // of 32 MB, by one sample in 512 KiB
  expect(full).toBeLessThan(64e6);
  held = [];
  expect(size()).toBeLessThan(full / 4);
});
