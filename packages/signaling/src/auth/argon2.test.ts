import { expect, test } from 'vitest';
import { boundedArgon2 } from './argon2.ts';

test('what was right is remembered for a minute, what was wrong is not', async () => {
  let nowMs = 0;
  let computed = 0;
  const verify = boundedArgon2(
    async (_hash, password) => {
      computed++;
      return password === 'right';
    },
    () => nowMs,
  );
  for (let i = 0; i < 3; i++) expect(await verify('h', 'right')).toBe(true);
  expect(computed).toBe(1);
  for (let i = 0; i < 3; i++) expect(await verify('h', 'wrong')).toBe(false);
  expect(computed).toBe(4);
  expect(await verify('another', 'right')).toBe(true);
  expect(computed).toBe(5);
  nowMs += 60_001;
  await verify('h', 'right');
  expect(computed).toBe(6);
});

test('a flood is turned away before it is computed, and the rest is served in order', async () => {
  let running = 0;
  let most = 0;
  const verify = boundedArgon2(
    async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return false;
    },
    () => 0,
  );
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => verify('h', `guess ${i}`)));
  expect(most).toBe(2);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(66);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'AUTH_UNAVAILABLE' });
  }
  expect(await verify('h', 'afterwards')).toBe(false);
});

test('a verifier that throws frees its place', async () => {
  const verify = boundedArgon2(
    async () => {
      throw new Error('not a hash');
    },
    () => 0,
  );
  for (let i = 0; i < 5; i++) await expect(verify('h', 'p')).rejects.toThrow('not a hash');
});
