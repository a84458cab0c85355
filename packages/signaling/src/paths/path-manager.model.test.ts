import { ShardcastError } from '@shardcast/shared';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CAMERA, from, GRACE_MS, rules, settled, TestPaths } from '../../test/test-paths.ts';

/**
 * Publishers, viewers, cameras, worker deaths and time in any order. The fake workers fail the run when a slot has two
 * owners or was not cleared; what is checked here is that every slot comes back.
 */

const PATHS = ['a', 'b', 'c', 'studio', 'camera'];
const WORKERS = 3;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const path = fc.constantFrom(...PATHS);
const worker = fc.nat(WORKERS - 1);
const which = fc.nat(1000);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), path, isLive: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('watch' as const), path }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refused' as const), path }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), which, byClient: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('offline' as const), path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), worker, isBusy: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('come' as const), worker }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reconfigure' as const), hasCamera: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 20_000 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const config = (hasCamera: boolean) => rules({ studio: {}, ...(hasCamera ? { camera: { source: CAMERA } } : {}) });

async function pass(t: TestPaths, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 1000) {
    t.nowMs += 1000;
    vi.advanceTimersByTime(1000);
    await settled();
  }
}

async function run(t: TestPaths, now: Step): Promise<void> {
  const { manager } = t;
  // Refusals are part of the game; anything but a domain error is not.
  const refuse = (error: unknown) => expect(error).toBeInstanceOf(ShardcastError);
  const begun: Promise<unknown>[] = [];
  switch (now.do) {
    case 'publish':
      begun.push(manager.publish(now.path, 'offer', from('')).catch(refuse));
      await settled();
      if (now.isLive) t.shards.find(({ streams }) => streams.has(now.path))?.online(now.path);
      break;
    case 'watch':
      begun.push(manager.subscribe(now.path, 'offer', from('')).catch(refuse));
      break;
    case 'refused':
      for (const shard of t.shards) shard.failures.set(now.path, new ShardcastError('SDP_INVALID', 'no'));
      begun.push(manager.publish(now.path, 'offer', from('')).catch(refuse));
      await settled();
      for (const shard of t.shards) shard.failures.clear();
      break;
    case 'end': {
      const open = t.shards.flatMap((shard) => Array.from(shard.sessions, ([id, session]) => ({ shard, id, session })));
      const one = open[now.which % Math.max(1, open.length)];
      if (one === undefined) break;
      const kind = one.session.kind === 'publish' ? 'whip' : 'whep';
      if (now.byClient) begun.push(manager.closeSession(kind, one.session.path, one.id).catch(refuse));
      else one.shard.endSession(one.id);
      break;
    }
    case 'offline':
      t.shards.find(({ streams }) => streams.has(now.path))?.offline(now.path);
      break;
    case 'lose': {
      const shard = t.shard(now.worker);
      if (shard.state !== 'up') break;
      // It is asked for something that it never answers.
      if (now.isBusy) shard.gate = new Promise(() => undefined);
      for (const name of PATHS) begun.push(manager.publish(name, 'offer', from('')).catch(refuse));
      await settled();
      t.lose(now.worker, { isDeliberate: true });
      shard.gate = Promise.resolve();
      break;
    }
    case 'come':
      if (t.shard(now.worker).state !== 'up') t.come(now.worker);
      break;
    case 'reconfigure':
      manager.reconfigure(config(now.hasCamera));
      break;
    case 'pass':
      await pass(t, now.ms);
      break;
  }
  await settled();
  await pass(t, 2000); // whoever is held is let go
  await Promise.all(begun);
  check(t);
}

/** What the manager believes and what the workers have is the same. */
function check(t: TestPaths): void {
  const { manager, shards } = t;
  const theirs = shards.flatMap(({ worker, streams }) =>
    Array.from(streams, ([name, slot]) => `${name} on ${worker} in ${slot}`),
  );
  const ours = manager
    .paths()
    .flatMap(({ name, worker, slot }) => (worker === undefined ? [] : [`${name} on ${worker} in ${slot}`]));
  expect(theirs.sort()).toEqual(ours.sort());
  const sessions = manager.sessions();
  for (const { worker, sessions: open } of shards) {
    expect(sessions.filter((session) => session.worker === worker)).toHaveLength(open.size);
  }
  for (const { name, readers } of manager.paths()) {
    expect(sessions.filter(({ kind, path }) => kind === 'whep' && path === name)).toHaveLength(readers);
  }
}

/** Slots that a busy worker was never told of. */
const UNSEEN = 10;

/** Free slots are given before new ones: with enough taken, one that never came back is missing. */
async function expectAllSlotsBack(t: TestPaths): Promise<void> {
  const before = t.shards.map(({ highestSession, highestStream }) => ({ highestSession, highestStream }));
  for (
    let index = 0;
    t.shards.some(({ worker, streams }) => streams.size <= (before[worker]?.highestStream ?? 0) + UNSEEN);
    index++
  ) {
    await t.live(`fresh${index}`);
  }
  for (const { worker, streams, sessions } of t.shards) {
    const { highestSession = 0, highestStream = 0 } = before[worker] ?? {};
    const [name = ''] = streams.keys();
    while (sessions.size <= highestSession + UNSEEN) await t.watch(name);
    const taken = new Set(Array.from(sessions.values(), ({ slot }) => slot));
    for (let slot = 0; slot <= highestSession; slot++) expect(taken.has(slot), `session slot ${slot}`).toBe(true);
    for (let slot = 0; slot <= highestStream; slot++) expect([...streams.values()]).toContain(slot);
  }
}

test('no slot has two owners, and all come back, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const t = new TestPaths({ workers: WORKERS, paths: config(true) });
      try {
        await settled();
        for (const now of steps) await run(t, now);

        for (const { worker, state } of t.shards) if (state !== 'up') t.come(worker);
        t.manager.reconfigure(rules({}, { all: false }));
        await pass(t, GRACE_MS + 2000);
        expect(t.manager.paths()).toEqual([]);
        expect(t.manager.sessions()).toEqual([]);

        t.manager.reconfigure(rules({}));
        await expectAllSlotsBack(t);
      } finally {
        t.manager.stop();
      }
    }),
    { numRuns: 60 },
  );
});
