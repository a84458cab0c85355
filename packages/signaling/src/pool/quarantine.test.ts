import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Quarantine } from './quarantine.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

test('three deaths within a minute, alone in the worker, are enough', () => {
  const quarantine = new Quarantine();
  expect(quarantine.workerDied(['cam'], 0).quarantined).toEqual([]);
  expect(quarantine.workerDied(['cam'], 10 * SECOND).quarantined).toEqual([]);
  expect(quarantine.reason('cam', 10 * SECOND)).toBeUndefined();
  expect(quarantine.workerDied(['cam'], 59 * SECOND).quarantined).toEqual(['cam']);
  expect(quarantine.reason('cam', 59 * SECOND)).toMatch(
    /keeps killing its worker, 3 times or more within a minute.*5 min/,
  );
});

test('deaths further apart are bad luck', () => {
  const quarantine = new Quarantine();
  for (let at = 0; at < 60 * MINUTE; at += 31 * SECOND) {
    expect(quarantine.workerDied(['cam'], at)).toEqual({ quarantined: [], heldBack: [] });
  }
});

test('after five minutes a stream may try again, and begins anew', () => {
  const quarantine = new Quarantine();
  for (const at of [0, 1, 2]) quarantine.workerDied(['cam'], at);
  expect(quarantine.reason('cam', 5 * MINUTE + 1)).toMatch(/1 min/);
  expect(quarantine.reason('cam', 5 * MINUTE + 2)).toBeUndefined();
  expect(quarantine.workerDied(['cam'], 5 * MINUTE + 3).quarantined).toEqual([]);
});

test('a change of its configuration releases a stream at once', () => {
  const quarantine = new Quarantine();
  for (const at of [0, 1, 2]) quarantine.workerDied(['cam'], at);
  quarantine.release('cam');
  expect(quarantine.reason('cam', 3)).toBeUndefined();
  expect(quarantine.workerDied(['cam'], 4).quarantined).toEqual([]);
});

test('who was there more often than the others is it', () => {
  const quarantine = new Quarantine();
  quarantine.workerDied(['bad', 'a', 'b'], 0);
  quarantine.workerDied(['bad', 'c'], SECOND);
  expect(quarantine.workerDied(['bad', 'a', 'c'], 2 * SECOND)).toEqual({ quarantined: ['bad'], heldBack: [] });
  for (const innocent of ['a', 'b', 'c']) expect(quarantine.reason(innocent, 2 * SECOND)).toBeUndefined();
});

test('of several equal suspects half are held back; when the worker lives on, the running half is cleared', () => {
  const quarantine = new Quarantine();
  const all = ['a', 'b', 'c', 'd'];
  quarantine.workerDied(all, 0);
  quarantine.workerDied(all, SECOND);
  expect(quarantine.workerDied(all, 2 * SECOND)).toEqual({ quarantined: [], heldBack: ['a', 'b'] });
  expect(quarantine.reason('a', 2 * SECOND)).toMatch(/one of 4 streams keeps killing its worker; it waits 15 s/);
  expect(quarantine.reason('c', 2 * SECOND)).toBeUndefined();

  expect(quarantine.reason('a', 17 * SECOND)).toBeUndefined();
  expect(all.map((stream) => quarantine.isSuspect(stream, 17 * SECOND))).toEqual([true, true, false, false]);
  expect(quarantine.workerDied(all, 18 * SECOND)).toEqual({ quarantined: [], heldBack: ['a'] });
  expect(quarantine.isSuspect('a', 40 * SECOND)).toBe(true);
  expect(quarantine.workerDied(all, 41 * SECOND)).toEqual({ quarantined: ['a'], heldBack: [] });
});

test('suspects that behave for a minute are suspects no longer', () => {
  const quarantine = new Quarantine();
  for (const at of [0, 1, 2]) quarantine.workerDied(['a', 'b'], at);
  expect(quarantine.isSuspect('a', 70 * SECOND)).toBe(true);
  expect(quarantine.isSuspect('a', 76 * SECOND)).toBe(false);
});

test('when the worker dies without those held back, they are cleared and may run', () => {
  const quarantine = new Quarantine();
  for (const at of [0, 1, 2]) quarantine.workerDied(['a', 'b', 'c', 'd'], at);
  expect(quarantine.workerDied(['c', 'd'], 3)).toEqual({ quarantined: [], heldBack: ['c'] });
  expect(quarantine.reason('a', 3)).toBeUndefined();
  expect(quarantine.isSuspect('a', 3)).toBe(false);
  expect(quarantine.workerDied(['a', 'b', 'd'], 4)).toEqual({ quarantined: ['d'], heldBack: [] });
  expect(quarantine.reason('c', 4)).toBeUndefined();
});

test('a death elsewhere clears nobody', () => {
  const quarantine = new Quarantine();
  for (const at of [0, 1, 2]) quarantine.workerDied(['a', 'b'], at);
  quarantine.workerDied(['stranger'], 3);
  expect(quarantine.reason('a', 3)).toBeDefined();
});

test('one guilty stream among n is found alone, with log2(n) more deaths, and the innocent run', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }).chain((n) => fc.tuple(fc.constant(n), fc.nat(n - 1))),
      fc.integer({ min: 100, max: 10_000 }),
      ([n, guilty], lifeMs) => {
        const quarantine = new Quarantine();
        const streams = Array.from({ length: n }, (_, index) => `cam${index}`);
        const culprit = `cam${guilty}`;
        let nowMs = 0;
        let deaths = 0;
        while (quarantine.reason(culprit, nowMs)?.includes('may try again') !== true) {
          const running = streams.filter((stream) => quarantine.reason(stream, nowMs) === undefined);
          nowMs += lifeMs;
          if (running.includes(culprit)) {
            const { quarantined } = quarantine.workerDied(running, nowMs);
            expect(quarantined.filter((stream) => stream !== culprit)).toEqual([]);
            deaths++;
          }
          expect(nowMs).toBeLessThan(10 * MINUTE);
        }
        expect(deaths).toBeLessThanOrEqual(3 + Math.ceil(Math.log2(n)));
        const innocent = streams.filter((stream) => stream !== culprit);
        expect(innocent.filter((stream) => quarantine.reason(stream, nowMs) !== undefined)).toEqual([]);
      },
    ),
    { numRuns: 100 },
  );
});

test('whatever dies, only streams that were there are held, and everything is free in the end', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uniqueArray(name), fc.integer({ min: 0, max: 30_000 }))), (deaths) => {
      const quarantine = new Quarantine();
      let nowMs = 0;
      for (const [residents, laterMs] of deaths) {
        nowMs += laterMs;
        const { quarantined, heldBack } = quarantine.workerDied(residents, nowMs);
        expect(quarantined.length).toBeLessThanOrEqual(1);
        for (const stream of [...quarantined, ...heldBack]) {
          expect(residents).toContain(stream);
          expect(quarantine.reason(stream, nowMs)).toBeDefined();
        }
      }
      for (const stream of ['a', 'b', 'c', 'd', 'e']) {
        expect(quarantine.reason(stream, nowMs + 5 * MINUTE)).toBeUndefined();
        expect(quarantine.isSuspect(stream, nowMs + 5 * MINUTE)).toBe(false);
      }
    }),
  );
});
