import { ShardcastError } from '@shardcast/shared';
import { Line, Location, Profile, Function as ProfileFunction, Sample, StringTable, ValueType } from 'pprof-format';
import { expect, test } from 'vitest';
import { readProfile } from '../../../../e2e/support/pprof-reader.ts';
import { sourceNaming } from './naming.ts';
import { type ProfiledThread, Profiler } from './profiler.ts';

/** Two stacks: `outer` 3 times alone and `shared` within it 5 times. */
function profileOf(outer: string): Uint8Array {
  const strings = new StringTable();
  const at = (id: number, name: string) =>
    new ProfileFunction({ id, name: strings.dedup(name), filename: strings.dedup('node:internal/x'), startLine: id });
  const type = new ValueType({ type: strings.dedup('wall'), unit: strings.dedup('nanoseconds') });
  return new Profile({
    sampleType: [new ValueType({ type: strings.dedup('sample'), unit: strings.dedup('count') }), type],
    function: [at(1, outer), at(2, 'shared')],
    location: [1, 2].map((id) => new Location({ id, line: [new Line({ functionId: id, line: id * 10 })] })),
    sample: [new Sample({ locationId: [1], value: [3, 30] }), new Sample({ locationId: [2, 1], value: [5, 50] })],
    stringTable: strings,
    periodType: type,
  }).encode();
}

type Calls = string[];
function thread(name: string, calls: Calls, more: Partial<ProfiledThread> = {}): ProfiledThread {
  return {
    name,
    state: 'up',
    startCpu: async () => void calls.push(`start ${name}`),
    async stopCpu() {
      calls.push(`stop ${name}`);
      return profileOf(`only-${name}`);
    },
    heap: async () => profileOf(`only-${name}`),
    inspect: async () => ({
      activeResources: { Timeout: 2, Immediate: 1 },
      streams: 1,
      sessions: 2,
      sockets: {},
      heapBytes: 5,
    }),
    ...more,
  };
}
const profiler = (...threads: ProfiledThread[]) =>
  new Profiler({ threads: () => threads, nameOf: sourceNaming(), now: () => 1_700_000_000_000 });
const forever = new AbortController().signal;
const lost = async () => {
  throw new ShardcastError('WORKER_LOST', 'gone');
};

test('all threads are in one file, each sample with its thread, and what they share is there once', async () => {
  const calls: Calls = [];
  const file = await profiler(thread('main', calls), thread('worker-0', calls)).cpu(undefined, 0, forever);
  const { samples, functions, types, comments } = readProfile(file ?? Buffer.of());
  expect(comments).toEqual(['threads: main, worker-0']);
  expect(types).toEqual(['samples/count', 'cpu/nanoseconds']);
  expect(samples).toEqual(
    ['main', 'worker-0'].flatMap((name) => [
      { stack: [`node:internal/x.only-${name}`], values: [3, 30], labels: { thread: name } },
      { stack: ['node:internal/x.shared', `node:internal/x.only-${name}`], values: [5, 50], labels: { thread: name } },
    ]),
  );
  expect(functions.filter(({ name }) => name.endsWith('shared'))).toHaveLength(1);
  expect(calls).toEqual(['start main', 'start worker-0', 'stop main', 'stop worker-0']);
});

test('one thread alone, on request', async () => {
  const calls: Calls = [];
  const all = profiler(thread('main', calls), thread('worker-0', calls));
  const { samples } = readProfile(await all.heap('worker-0'));
  expect(new Set(samples.map(({ labels }) => labels['thread']))).toEqual(new Set(['worker-0']));
  await expect(all.cpu('worker-9', 0, forever)).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
});

test('while one of them is being profiled nobody is, and what was begun is ended', async () => {
  const calls: Calls = [];
  const busy = thread('worker-0', calls, {
    async startCpu() {
      throw new ShardcastError('PROFILE_RUNNING', 'not now');
    },
  });
  await expect(profiler(thread('main', calls), busy).cpu(undefined, 60, forever)).rejects.toMatchObject({
    code: 'PROFILE_RUNNING',
  });
  expect(calls).toEqual(['start main', 'stop main']);
});

test('a worker that is lost meanwhile is left out, and alone is an answer of its own', async () => {
  const calls: Calls = [];
  const gone = thread('worker-0', calls, { stopCpu: lost, heap: lost, inspect: lost, state: 'up' });
  const restarting = thread('worker-1', calls, { state: 'restarting', inspect: lost });
  const all = profiler(thread('main', calls), gone, restarting);
  const { samples, comments } = readProfile((await all.cpu(undefined, 0, forever)) ?? Buffer.of());
  expect(new Set(samples.map(({ labels }) => labels['thread']))).toEqual(new Set(['main']));
  expect(comments).toEqual(['threads: main', 'lost: worker-0']);
  await expect(all.cpu('worker-0', 0, forever)).rejects.toMatchObject({ code: 'WORKER_LOST' });
  expect(await all.inspect()).toEqual([
    expect.objectContaining({ thread: 'main', timers: 3, heapBytes: 5 }),
    { thread: 'worker-0', state: 'up' },
    { thread: 'worker-1', state: 'restarting' },
  ]);
});

test('when the client leaves the profile ends at once and is thrown away', async () => {
  const calls: Calls = [];
  const gone = new AbortController();
  const asked = profiler(thread('main', calls)).cpu(undefined, 300, gone.signal);
  gone.abort();
  expect(await asked).toBeUndefined();
  expect(calls).toEqual(['start main', 'stop main']);
});

test('functions have the names of their sources, with lines of the TypeScript', () => {
  const map = { version: 3, sources: ['../../src/forward/track.ts'], names: [], mappings: ';;AAQA;AACA' };
  const name = sourceNaming((file) => {
    expect(file).toBe('/srv/packages/sfu-worker/dist/forward/track.js.map');
    return JSON.stringify(map);
  });
  const built = 'file:///srv/packages/sfu-worker/dist/forward/track.js';
  expect(name({ name: 'receive', file: built, line: 3, column: 1 })).toEqual({
    name: 'sfu-worker/forward/track.receive',
    file: 'sfu-worker/src/forward/track.ts',
    line: 9,
  });
  expect(name({ name: 'flush', file: built, line: 4, column: 9 }).line).toBe(10);
  const other = (file: string) => name({ name: 'f', file, line: 7, column: 1 });
  expect(other('/srv/node_modules/.pnpm/a@1/node_modules/@b/c/lib/d.js')).toEqual({
    name: '@b/c/lib/d.f',
    file: '@b/c/lib/d',
    line: 7,
  });
  expect(other('node:internal/timers')).toMatchObject({ name: 'node:internal/timers.f' });
  expect(other('')).toEqual({ name: 'f', file: '', line: 7 });
});
