import { setTimeout } from 'node:timers/promises';
import { ShardcastError, type WorkerEvent } from '@shardcast/shared';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { workerSettings } from '../../test/worker-settings.ts';
import type { WorkerLoss } from './shard.ts';
import { WorkerPool } from './worker-pool.ts';
import { WorkerThreads } from './worker-threads.ts';

const fixture = (name: string) => new URL(`../../test/fixtures/${name}.ts`, import.meta.url);
const WAIT = { timeout: 15_000, interval: 5 };

/** A pool of two workers and what it said. */
class Trial {
  readonly losses: (WorkerLoss & { readonly worker: number; readonly atMs: number })[] = [];
  readonly logs: { readonly message: string; readonly fields: Record<string, unknown> }[] = [];
  ups = 0;
  readonly pool: WorkerPool;

  constructor(entry: string, more: { firstBackoffMs?: number } = {}) {
    this.pool = new WorkerPool(
      {
        threads: new WorkerThreads({ workers: 2, entry: fixture(entry), heapLimitMb: 64, onError: () => {} }),
        settings: workerSettings,
        log: pino({ level: 'silent' }),
        clock: () => performance.now(),
        ...more,
      },
      {
        onUp: () => this.ups++,
        onLost: (worker, loss) => this.losses.push({ ...loss, worker, atMs: performance.now() }),
        onEvent: (_worker, event: WorkerEvent) => {
          if (event.event === 'log') this.logs.push({ message: event.message, fields: event.fields });
        },
      },
    );
    this.pool.start();
  }

  shard(worker: number) {
    const shard = this.pool.shards[worker];
    if (shard === undefined) throw new Error('no such worker');
    return shard;
  }

  async up(worker: number): Promise<void> {
    await vi.waitFor(() => expect(this.shard(worker).state).toBe('up'), WAIT);
  }

  ask(worker: number, path: string) {
    return this.shard(worker).request({ type: 'open-stream', path, slot: 0, overridePublisher: true });
  }

  /** Who said hello as this worker, oldest first. */
  hellos(worker: number) {
    return this.logs.filter(({ message, fields }) => message === 'hello' && fields['worker'] === worker);
  }
}

describe('a worker that fails is replaced, and the other does not notice', () => {
  let trial: Trial;
  beforeAll(async () => {
    trial = new Trial('fake-worker', { firstBackoffMs: 1 });
    await trial.up(0);
    await trial.up(1);
  });
  afterAll(async () => {
    await trial.pool.stop();
  });

  const ways: readonly [how: string, reason: RegExp][] = [
    ['throw', /thrown on purpose/],
    ['reject', /rejected on purpose/],
    ['exit', /exited with code: 7/],
    // On a busy host its last garbage collections take so long that its silence is noticed first.
    ['out-of-memory', /memory|no heartbeat/],
    ['hang', /no heartbeat/],
    ['end', /its task ended/],
  ];
  /** The request that brought it about is done by then. */
  const endsLater = new Set(['reject', 'end']);
  for (const [how, reason] of ways) {
    test(how, async () => {
      const { restarts } = trial.shard(0);
      const lossesBefore = trial.losses.length;
      let answered = 0;
      let isOver = false;
      const neighbour = (async () => {
        while (!isOver) {
          await trial.ask(1, 'nothing');
          answered++;
          await setTimeout(2);
        }
      })();
      // Some ways answer before they end.
      await trial.ask(0, how).catch((error: unknown) => {
        expect(error).toBeInstanceOf(ShardcastError);
        expect(error).toMatchObject({ code: 'WORKER_LOST' });
      });
      await vi.waitFor(() => expect(trial.shard(0).restarts).toBe(restarts + 1), WAIT);
      await trial.up(0);
      await trial.ask(0, 'nothing');
      isOver = true;
      await neighbour;

      expect(answered).toBeGreaterThan(10);
      expect(trial.losses.slice(lossesBefore)).toEqual([
        {
          worker: 0,
          reason: expect.stringMatching(reason),
          isDeliberate: false,
          atMs: expect.any(Number),
          ...(endsLater.has(how) ? {} : { handling: { slot: 0 } }),
        },
      ]);
      expect(trial.shard(1).restarts).toBe(0);
      expect(trial.logs.some(({ message }) => message === `last words before ${how}`)).toBe(true);
    });
  }

  test('every successor has a thread of its own and goes on counting where the last one stopped', () => {
    const hellos = trial.hellos(0);
    const threads = hellos.map(({ fields }) => fields['threadId']);
    expect(hellos).toHaveLength(ways.length + 1);
    expect(new Set(threads).size).toBe(threads.length);
    expect(hellos.map(({ fields }) => fields['packets'])).toEqual(hellos.map((_, index) => index));
  });

  test('recycling replaces a worker on purpose, and says so', async () => {
    const before = trial.losses.length;
    expect(trial.shard(0).recycle('an operator asked for it')).toBe(true);
    expect(trial.shard(0).state).toBe('up');
    await vi.waitFor(() => expect(trial.losses).toHaveLength(before + 1), WAIT);
    expect(trial.losses.at(-1)).toMatchObject({ worker: 0, reason: 'an operator asked for it', isDeliberate: true });
    expect(trial.shard(0).recycle('again')).toBe(false);
    await trial.up(0);
    await trial.ask(0, 'nothing');
  });

  test('how busy a worker is can be read without asking it', async () => {
    await trial.ask(0, 'busy');
    await vi.waitFor(() => expect(trial.shard(0).eventLoopUtilization()).toBeGreaterThan(0.4), WAIT);
    expect(trial.shard(1).eventLoopUtilization()).toBeLessThan(trial.shard(0).eventLoopUtilization());
  });
});

test('a worker that dies at start is tried again more and more slowly, and the other serves', async () => {
  const trial = new Trial('dies-at-start');
  await trial.up(0);
  await vi.waitFor(() => expect(trial.losses.length).toBeGreaterThanOrEqual(4), WAIT);
  const [first, second, third, fourth] = trial.losses.map(({ atMs }) => atMs);
  expect(trial.losses.every(({ worker, reason }) => worker === 1 && /no socket/.test(reason))).toBe(true);
  // At once, then about 250 ms, then about 500 ms.
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThan(200);
  expect((fourth ?? 0) - (third ?? 0)).toBeGreaterThan(400);
  expect(first).toBeDefined();
  await trial.ask(0, 'nothing');
  await expect(trial.ask(1, 'nothing')).rejects.toMatchObject({ code: 'WORKER_LOST' });
  await trial.pool.stop();
  expect(trial.shard(0).restarts).toBe(0);
});

test('an entry that is not there is a loss with a reason, not a crash', async () => {
  const trial = new Trial('no-such-module');
  await vi.waitFor(() => expect(trial.losses.length).toBeGreaterThanOrEqual(2), WAIT);
  expect(trial.losses[0]?.reason).toMatch(/no-such-module/);
  await trial.pool.stop();
});

test('a stopped pool has no workers, answers nobody, and reports no loss', async () => {
  const trial = new Trial('fake-worker');
  await trial.up(0);
  await trial.up(1);
  await Promise.all([trial.pool.stop(), trial.pool.stop()]);
  expect(trial.pool.shards.map(({ state }) => state)).toEqual(['stopped', 'stopped']);
  expect(trial.losses).toEqual([]);
  await expect(trial.ask(0, 'nothing')).rejects.toMatchObject({ code: 'WORKER_LOST' });
});
