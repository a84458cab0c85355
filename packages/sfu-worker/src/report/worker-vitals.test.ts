import { Telemetry, WORKER } from '@shardcast/shared';
import { afterEach, expect, test, vi } from 'vitest';
import { WorkerVitals } from './worker-vitals.ts';

const files = vi.hoisted(() => ({ areThere: true }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const readFileSync = (...args: Parameters<typeof fs.readFileSync>) => {
    if (!files.areThere) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    return fs.readFileSync(...args);
  };
  return { ...fs, readFileSync };
});
afterEach(() => {
  files.areThere = true;
  vi.restoreAllMocks();
});

function busy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('a process without a descriptor left loses no worker to its vitals, and no CPU is counted twice', () => {
  const telemetry = new Telemetry(Telemetry.allocate());
  const vitals = new WorkerVitals(telemetry);
  busy(30);
  vitals.sample();
  const counted = telemetry.worker('cpuSeconds');
  vi.spyOn(process, 'memoryUsage').mockImplementation(() => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory');
  });
  files.areThere = false;
  expect(vitals.sample()).toBe(0);
  expect(telemetry.counters[WORKER.heapBytes]).toBeGreaterThan(0);
  files.areThere = true;
  busy(30);
  vitals.sample();
  vitals.close();
  // All that the thread did since the first sample, a fraction of a second; not its whole life once more.
  expect(telemetry.worker('cpuSeconds') - counted).toBeLessThan(counted + 1);
});
