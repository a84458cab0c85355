import { Telemetry } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { FakeLog } from '../test/rtsp/fake-inlet.ts';
import { Guard } from './guard.ts';

function setUp() {
  const telemetry = new Telemetry(Telemetry.allocate());
  const log = new FakeLog();
  return { telemetry, log, guard: new Guard(telemetry, log) };
}

test('what throws is closed, counted and logged, and its caller goes on', () => {
  const { telemetry, log, guard } = setUp();
  const closed: string[] = [];
  guard.run({ path: 'cam', close: (reason) => closed.push(reason) }, () => {
    throw new TypeError('planted');
  });
  expect(closed).toEqual(['an internal error']);
  expect(telemetry.worker('faults')).toBe(1);
  expect(log.lines).toMatchObject([{ level: 'error', message: 'a handler threw', fields: { path: 'cam' } }]);
  expect(log.lines[0]?.fields['err']).toContain('TypeError: planted');
});

test('what does its work is left alone', () => {
  const { telemetry, guard } = setUp();
  const closed: string[] = [];
  guard.run({ path: 'cam', close: (reason) => closed.push(reason) }, () => undefined);
  expect([closed, telemetry.worker('faults')]).toEqual([[], 0]);
});

test('a close that throws, too, is counted and gets no further', () => {
  const { telemetry, guard } = setUp();
  const bug = () => {
    throw new Error('planted');
  };
  guard.run({ path: 'cam', close: bug }, bug);
  expect(telemetry.worker('faults')).toBe(2);
});
