import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, place } from './policy.ts';

const idle = (worker: number, more: Partial<Candidate> = {}): Candidate => ({
  worker,
  load: 0,
  streams: 0,
  unmeasured: 0,
  isAccepting: true,
  ...more,
});

const workers = (count: number) => Array.from({ length: count }, (_, worker) => idle(worker));

/** Places streams one after the other; none of them is measured yet. @returns how many each worker has. */
function placeAll(streams: readonly string[], candidates: readonly Candidate[]): Map<number, number> {
  const counts = new Map(candidates.map(({ worker }) => [worker, 0]));
  for (const stream of streams) {
    const now = candidates.map((candidate) => {
      const more = counts.get(candidate.worker) ?? 0;
      return { ...candidate, streams: candidate.streams + more, unmeasured: candidate.unmeasured + more };
    });
    const worker = place(stream, now)?.worker ?? -1;
    counts.set(worker, (counts.get(worker) ?? 0) + 1);
  }
  return counts;
}

const candidate = fc.record({
  worker: fc.nat(63),
  load: fc.double({ min: 0, max: 1, noNaN: true }),
  streams: fc.nat(200),
  unmeasured: fc.nat(200),
  isAccepting: fc.boolean(),
});
const candidates = fc
  .uniqueArray(candidate, { selector: ({ worker }) => worker, maxLength: 16 })
  .map((list) => list.map((each) => ({ ...each, unmeasured: Math.min(each.unmeasured, each.streams) })));

test('the same stream and workers give the same answer, in whatever order the workers are named', () => {
  fc.assert(
    fc.property(fc.string(), candidates, fc.nat(), (stream, list, turn) => {
      const turned = list.map((_, index) => list[(index + turn) % list.length]).filter((each) => each !== undefined);
      expect(place(stream, turned.toReversed())).toEqual(place(stream, list));
    }),
  );
});

test('a stream goes to a worker that accepts and carries less than 1.25 times the mean, and nowhere else', () => {
  fc.assert(
    fc.property(fc.string(), candidates, (stream, list) => {
      const placement = place(stream, list);
      const accepting = list.filter(({ isAccepting }) => isAccepting);
      expect(placement === undefined).toBe(accepting.length === 0);
      if (placement === undefined) return;
      expect(accepting.map(({ worker }) => worker)).toContain(placement.worker);
      const chosen = placement.candidates.find(({ worker }) => worker === placement.worker);
      expect(chosen?.load).toBeLessThan(placement.bound);
    }),
  );
});

test('a stream stays where it is while that worker accepts, however loaded it is', () => {
  fc.assert(
    fc.property(fc.string(), candidates, fc.nat(63), (stream, list, current) => {
      const isThere = list.some(({ worker, isAccepting }) => worker === current && isAccepting);
      const placement = place(stream, list, current);
      if (isThere) expect(placement?.worker).toBe(current);
      else expect(placement).toEqual(place(stream, list));
    }),
  );
});

test('when a worker leaves, only its own streams move; when it comes back, they do', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { maxLength: 50 }),
      fc.integer({ min: 2, max: 8 }),
      fc.nat(),
      (streams, count, who) => {
        const leaver = who % count;
        for (const stream of streams) {
          const before = place(stream, workers(count))?.worker;
          const after = place(
            stream,
            workers(count).toSpliced(leaver, 1, idle(leaver, { isAccepting: false })),
          )?.worker;
          if (before !== leaver) expect(after).toBe(before);
          expect(after).not.toBe(leaver);
        }
      },
    ),
  );
});

describe('streams that start at once spread out', () => {
  for (const count of [1, 2, 3, 4, 8, 16]) {
    test(`64 over ${count}`, () => {
      const streams = Array.from({ length: 64 }, (_, index) => `cam${index}`);
      const counts = [...placeAll(streams, workers(count)).values()];
      expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil((1.25 * 64) / count));
    });
  }

  test('whatever they are called', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 100 }),
        fc.integer({ min: 1, max: 8 }),
        (streams, count) => {
          const counts = [...placeAll(streams, workers(count)).values()];
          expect(Math.max(...counts)).toBeLessThanOrEqual(Math.floor((1.25 * streams.length) / count) + 1);
        },
      ),
    );
  });

  test('around what is there already', () => {
    const loaded = [idle(0, { load: 0.4, streams: 40 }), idle(1), idle(2)];
    const counts = placeAll(
      Array.from({ length: 40 }, (_, index) => `cam${index}`),
      loaded,
    );
    expect(counts.get(0)).toBeLessThan(5);
    expect(Math.abs((counts.get(1) ?? 0) - (counts.get(2) ?? 0))).toBeLessThan(15);
  });
});

test('a hot stream counts as what it costs, not as one', () => {
  const list = [idle(0, { load: 0.9, streams: 1 }), idle(1, { load: 0.05, streams: 20 })];
  for (let index = 0; index < 20; index++) expect(place(`cam${index}`, list)?.worker).toBe(1);
});

test('where CPU is not measured, streams are counted', () => {
  const list = [idle(0, { streams: 30 }), idle(1, { streams: 10 })];
  for (let index = 0; index < 20; index++) expect(place(`cam${index}`, list)?.worker).toBe(1);
});

test('the answer explains itself', () => {
  const free = place('cam', workers(2));
  expect(free?.reason).toBe('first by hash');
  const first = free?.worker ?? -1;
  const list = workers(2).map((each) => (each.worker === first ? { ...each, load: 0.8, streams: 10 } : each));
  const moved = place('cam', list);
  expect(moved?.worker).toBe(1 - first);
  expect(moved?.reason).toMatch(new RegExp(`under a load of 0\\.\\d+; worker ${first} has 0\\.800`));
  expect(moved?.candidates.map(({ worker }) => worker)).toEqual([first, 1 - first]);
  expect(place('cam', list, first)?.reason).toBe('it is there already');
});

test('names that differ in one digit are dealt out evenly', () => {
  const counts = new Map<number, number>();
  for (let index = 0; index < 10_000; index++) {
    const worker = place(`camera-${index}`, workers(4))?.worker ?? -1;
    counts.set(worker, (counts.get(worker) ?? 0) + 1);
  }
  for (const count of counts.values()) expect(Math.abs(count - 2500)).toBeLessThan(150);
});
