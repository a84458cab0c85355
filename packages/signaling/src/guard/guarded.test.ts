import { expect, test } from 'vitest';
import { type GuardedConnection, guarded } from './guarded.ts';

function connection() {
  const lines: unknown[] = [];
  let destroyed = 0;
  const guard: GuardedConnection = {
    door: 'test',
    log: { error: (fields, message) => void lines.push({ ...fields, message }) },
    destroy: () => destroyed++,
  };
  return { guard, lines, destroyed: () => destroyed };
}

test('a handler that throws ends its connection, which is logged once', () => {
  const { guard, lines, destroyed } = connection();
  const bug = new Error('a bug');
  const handler = guarded(guard, (fails: boolean) => {
    if (fails) throw bug;
  });
  handler(false);
  expect(destroyed()).toBe(0);
  handler(true);
  handler(true);
  expect(destroyed()).toBe(2);
  expect(lines).toEqual([{ door: 'test', err: bug, message: 'a connection ended by a bug in its handler' }]);
});

test('a handler that rejects ends its connection too', async () => {
  const { guard, lines, destroyed } = connection();
  guarded(guard, async () => {
    throw new Error('a bug');
  })();
  await new Promise((resolve) => setImmediate(resolve));
  expect([destroyed(), lines.length]).toEqual([1, 1]);
});
