import { Telemetry, type WorkerEvent } from '@shardcast/shared';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { Shard } from '../pool/shard.ts';
import type { PathEvent } from './media.ts';
import { PathManager } from './path-manager.ts';

const shard = {
  worker: 0,
  state: 'up',
  telemetry: new Telemetry(Telemetry.allocate()),
  request: async () => ({}),
} satisfies Partial<Record<keyof Shard, unknown>>;

let manager: PathManager | undefined;
afterEach(() => manager?.stop());

test('a source that cannot be had shows why, until it is there, and no event says that it went offline', () => {
  manager = new PathManager({
    shards: [shard as unknown as Shard], // a class with private parts, of which the manager uses none
    rules: {
      resolve: () => ({
        confName: 'cam',
        source: { type: 'rtsp', url: 'rtsp://camera/', transport: 'tcp', fingerprint: '' },
        maxReaders: 0,
        overridePublisher: true,
      }),
      configured: ['cam'],
    },
    log: pino({ level: 'silent' }),
    clock: () => 0,
    startHoldMs: 1,
    publisherGraceMs: 1,
    limits: {
      connectingPerClient: 0,
      connectingPerWorker: 0,
      publishersPerClient: 0,
      readersPerClient: 0,
      sessions: 0,
    },
  });
  const events: PathEvent[] = [];
  manager.onPathEvent((event) => events.push(event));
  const failed = (reason: string): WorkerEvent => ({ event: 'stream-offline', path: 'cam', reason });
  manager.workerUp(0);
  expect(manager.path('cam')?.reason).toBe('it has not begun yet');

  manager.workerEvent(0, failed('user or password is wrong'));
  expect(manager.path('cam')).toMatchObject({ online: false, reason: 'user or password is wrong' });
  manager.workerEvent(0, failed('connection refused'));
  expect(manager.path('cam')?.reason).toBe('connection refused');
  expect(events).toEqual([]);

  manager.workerEvent(0, { event: 'stream-online', path: 'cam', source: 'rtsp-pull', tracks: [] });
  expect(manager.path('cam')).toMatchObject({ online: true, reason: undefined });
});
