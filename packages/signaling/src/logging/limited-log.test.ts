import { expect, test } from 'vitest';
import { LimitedLog, type LineLog } from './limited-log.ts';

function make(perSecond: number) {
  const lines: unknown[] = [];
  const write = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push([level, message, fields]);
  const log: LineLog = { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
  const time = { nowMs: 0 };
  return { log: new LimitedLog(log, { perSecond, clock: () => time.nowMs }), lines, time };
}

test('a message that keeps coming is said a few times a second, with the count of what was left out', () => {
  const { log, lines, time } = make(2);
  for (; time.nowMs < 1000; time.nowMs++) log.info({ n: time.nowMs }, 'refused');
  expect(lines).toEqual([
    ['info', 'refused', { n: 0 }],
    ['info', 'refused', { n: 1 }],
    ['info', 'refused', { n: 500, suppressed: 498 }],
  ]);
  time.nowMs = 60_000;
  log.info({}, 'refused');
  log.info({}, 'refused');
  expect(lines.slice(3)).toEqual([
    ['info', 'refused', { suppressed: 499 }],
    ['info', 'refused', {}],
  ]);
});

test('one message does not use up what another may say', () => {
  const { log, lines } = make(1);
  for (let count = 0; count < 10; count++) log.warn({}, 'a flood');
  log.error({}, 'a fault');
  log.debug({}, 'a detail');
  expect(lines).toEqual([
    ['warn', 'a flood', {}],
    ['error', 'a fault', {}],
    ['debug', 'a detail', {}],
  ]);
});
