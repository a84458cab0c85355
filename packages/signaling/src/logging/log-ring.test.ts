import { expect, test } from 'vitest';
import { LogRing } from './log-ring.ts';
import { createLogger } from './logger.ts';

test('the last thousand lines are kept, and asked for by what was seen', () => {
  const ring = new LogRing();
  expect(ring.after(0)).toEqual([]);
  for (let i = 1; i <= 1_500; i++) ring.add(`line ${i}`);
  expect(ring.last).toBe(1_500);
  expect(ring.after(0)).toHaveLength(1_000);
  expect(ring.after(0)[0]).toEqual({ id: 501, line: 'line 501' });
  expect(ring.after(1_498).map(({ line }) => line)).toEqual(['line 1499', 'line 1500']);
  expect(ring.after(1_500)).toEqual([]);
  expect(ring.after(9_999)).toEqual([]); // of a server that has been restarted since
});

test('a long line is cut', () => {
  const ring = new LogRing();
  ring.add('x'.repeat(100_000));
  expect(ring.after(0)[0]?.line).toHaveLength(4_096);
});

test('what is kept is redacted', () => {
  const ring = new LogRing();
  const log = createLogger('info', { destination: { write() {} }, ring });
  log.info({ password: 'hunter2', url: 'rtsp://admin:s3cret@camera/' }, 'dialled');
  const [entry] = ring.after(0);
  expect(entry?.line).toContain('dialled');
  expect(entry?.line).not.toMatch(/hunter2|s3cret/);
});
