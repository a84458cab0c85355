import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RtcpSchedule } from './rtcp-schedule.ts';

test('each member reports once an interval, whatever the tick', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 10, max: 300 }), (members, tickMs) => {
      const schedule = new RtcpSchedule<number>(3000);
      const reports = new Map<number, number>();
      for (let i = 0; i < members; i++) schedule.add(i, 0);
      for (let now = 0; now < 30_000; now += tickMs) {
        schedule.run(now, (member) => reports.set(member, (reports.get(member) ?? 0) + 1));
      }
      for (let i = 0; i < members; i++) {
        expect(reports.get(i)).toBeGreaterThanOrEqual(9);
        expect(reports.get(i)).toBeLessThanOrEqual(10);
      }
    }),
    { numRuns: 30 },
  );
});

test('reports are spread: no tick of 100 ms has more than twice its share', () => {
  const schedule = new RtcpSchedule<number>(3000);
  for (let i = 0; i < 900; i++) schedule.add(i, 0);
  schedule.run(0, () => {});
  for (let now = 100; now <= 30_000; now += 100) {
    let due = 0;
    schedule.run(now, () => due++);
    expect(due).toBeLessThanOrEqual(60);
  }
});

test('after a stall of minutes each member reports once, not once a missed interval', () => {
  const schedule = new RtcpSchedule<string>(3000);
  schedule.add('a', 0);
  let reports = 0;
  schedule.run(600_000, () => reports++);
  expect(reports).toBe(1);
});

test('a deleted member reports no more', () => {
  const schedule = new RtcpSchedule<string>(3000);
  schedule.add('a', 0);
  schedule.delete('a');
  schedule.run(10_000, () => expect.unreachable());
});
