import type { MessagePort } from 'node:worker_threads';
import {
  type ControlEnvelope,
  HANDLING_VIEWER,
  Telemetry,
  WORKER,
  type WorkerBoot,
  type WorkerEvent,
} from '@shardcast/shared';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { workerSettings } from '../../test/worker-settings.ts';
import { Shard, type WorkerLoss } from './shard.ts';

/** A thread as far as a shard sees it, without a thread: the test has the worker's end of the port. */
type Life = {
  readonly port: MessagePort;
  readonly counters: Float64Array;
  readonly wasAborted: () => boolean;
  end(error?: Error): void;
};

let nowMs = 0;
let burntSeconds = 0;
const lives: Life[] = [];
const losses: WorkerLoss[] = [];
const events: WorkerEvent[] = [];
const lines: Record<string, unknown>[] = [];
let ups = 0;
let shard: Shard;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5); // no jitter
  nowMs = 1_000_000;
  burntSeconds = 0;
  ups = 0;
  for (const list of [lives, losses, events, lines]) list.length = 0;
  shard = new Shard({
    settings: () => workerSettings(3),
    threads: { run: (boot, _transfer, signal) => live(boot, signal), thread: () => undefined },
    cpuSeconds: () => burntSeconds,
    log: pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) }),
    clock: () => nowMs,
    firstBackoffMs: 250,
    onUp: () => ups++,
    onLost: (loss) => losses.push(loss),
    onEvent: (event) => events.push(event),
  });
});

afterEach(() => {
  for (const life of lives) life.port.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function live(boot: WorkerBoot, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    lives.push({
      port: boot.port,
      counters: new Telemetry(boot.telemetry).counters,
      wasAborted: () => signal.aborted,
      end: (error) => (error === undefined ? resolve() : reject(error)),
    });
    signal.addEventListener('abort', () => reject(new Error('The task has been aborted')));
  });
}

function life(): Life {
  const last = lives.at(-1);
  if (last === undefined) throw new Error('it was not started');
  return last;
}

/** Messages are delivered, promises have run. */
const settled = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !isSo(); turn++) await settled();
  expect(isSo()).toBe(true);
}

async function up(): Promise<void> {
  const ready: WorkerEvent = {
    event: 'ready',
    threadId: 9,
    systemThreadId: 99,
    udpPort: 8189,
    fastPath: 'portable',
    dtls: 'werift',
  };
  life().port.postMessage(ready);
  await until(() => shard.state === 'up');
}

async function die(reason: string): Promise<void> {
  const { restarts } = shard;
  life().end(new Error(reason));
  await until(() => shard.restarts === restarts + 1);
}

function beat(): void {
  const { counters } = life();
  counters[WORKER.heartbeat] = (counters[WORKER.heartbeat] ?? 0) + 1;
}

/** The pool's timer. @param burning CPU seconds a second */
function pass(ms: number, { beating = false, burning = 0 } = {}): void {
  for (let at = 0; at < ms; at += 125) {
    nowMs += 125;
    burntSeconds += burning / 8;
    if (beating) beat();
    shard.watch(nowMs);
  }
}

test('it is up when its worker says so, and knows its port and media path', async () => {
  shard.start();
  expect(shard.state).toBe('starting');
  await expect(shard.request({ type: 'stop' })).rejects.toMatchObject({ code: 'WORKER_LOST' });
  await up();
  expect(shard).toMatchObject({ worker: 3, udpPort: 8189, fastPath: 'portable', dtls: 'werift', restarts: 0 });
  expect(ups).toBe(1);
});

test('a worker that beats is left alone, however busy', async () => {
  shard.start();
  await up();
  pass(60_000, { beating: true, burning: 1 });
  expect(life().wasAborted()).toBe(false);
});

test('a silent worker that burns CPU is ended within 1.25 s', async () => {
  shard.start();
  await up();
  pass(5000, { beating: true, burning: 1 });
  pass(1000, { burning: 1 });
  expect(life().wasAborted()).toBe(false);
  pass(250, { burning: 1 });
  expect(life().wasAborted()).toBe(true);
  await settled();
  expect(losses).toEqual([{ reason: expect.stringMatching(/no heartbeat for 1\d{3} ms/), isDeliberate: false }]);
});

test('a silent worker that got no processor is given five seconds', async () => {
  shard.start();
  await up();
  pass(5000, { burning: 0.1 });
  expect(life().wasAborted()).toBe(false);
  pass(250);
  expect(life().wasAborted()).toBe(true);
});

test('heartbeats that main was too busy to see are not held against the worker', async () => {
  shard.start();
  await up();
  nowMs += 4000;
  burntSeconds += 4;
  shard.forgive(nowMs);
  shard.watch(nowMs);
  pass(1000, { burning: 1 });
  expect(life().wasAborted()).toBe(false);
});

test('a worker that does not come up within ten seconds is ended', async () => {
  shard.start();
  pass(10_000, { beating: true });
  expect(life().wasAborted()).toBe(false);
  pass(250, { beating: true });
  expect(life().wasAborted()).toBe(true);
  await settled();
  expect(losses).toEqual([{ reason: 'it did not start in time', isDeliberate: false }]);
});

test('the first death is answered at once, early ones then wait longer and longer, up to ten seconds', async () => {
  shard.start();
  for (const waitMs of [0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
    const begun = lives.length;
    await die('cannot bind');
    expect(shard.state).toBe('restarting');
    vi.advanceTimersByTime(Math.max(0, waitMs - 1));
    if (waitMs > 0) expect(lives).toHaveLength(begun);
    vi.advanceTimersByTime(1);
    expect(lives).toHaveLength(begun + 1);
  }
});

test('a worker that was up for long is replaced at once again', async () => {
  shard.start();
  for (let i = 0; i < 3; i++) {
    await die('cannot bind');
    vi.runAllTimers();
  }
  await up();
  nowMs += 5001;
  await die('a bug');
  vi.advanceTimersByTime(0);
  expect(shard.state).toBe('starting');
});

test('being slow to start and dying of it counts as dying young', async () => {
  shard.start();
  for (let i = 0; i < 2; i++) {
    nowMs += 9000;
    await die('cannot bind');
    vi.advanceTimersByTime(0);
  }
  expect(shard.state).toBe('restarting');
});

test('a loss rejects what the worker owes and clears what described its thread, but no counter', async () => {
  shard.start();
  await up();
  life().counters[WORKER.sessions] = 12;
  life().counters[WORKER.datagramsIn] = 34;
  const owed = shard.request({ type: 'close-session', session: 's', reason: 'r' });
  const rejected = expect(owed).rejects.toMatchObject({ code: 'WORKER_LOST' });
  await die('a bug');
  await rejected;
  expect(shard.telemetry.worker('sessions')).toBe(0);
  expect(shard.telemetry.worker('datagramsIn')).toBe(34);
});

test('of a dead worker nothing is heard but its last lines', async () => {
  shard.start();
  await up();
  const log: WorkerEvent = { event: 'log', level: 'error', message: 'oh no', fields: {} };
  life().port.postMessage(log);
  life().port.postMessage({ event: 'session-closed', session: 's', slot: 0, reason: 'r' });
  life().end(new Error('a bug'));
  await settled();
  expect(losses).toEqual([{ reason: 'a bug', isDeliberate: false }]);
  expect(events).toContainEqual(log);
});

test('malformed events are said once a second, in few words, with the count of those between', async () => {
  shard.start();
  await up();
  const flood = async () => {
    for (let count = 0; count < 1000; count++) {
      const tracks = Array.from({ length: 50 }, () => ({ kind: 'smell'.repeat(100) }));
      life().port.postMessage({ event: 'stream-online', path: 'cam', source: 'whip', tracks });
    }
    life().port.postMessage({ event: 'session-closed', session: 's', slot: 0, reason: 'r' });
    await until(() => events.length > 0);
    events.length = 0;
  };
  await flood();
  expect(lines).toMatchObject([
    { worker: 3, msg: 'worker protocol error', fault: expect.stringMatching(/^stream-online: tracks\.0\.kind /) },
  ]);
  expect(JSON.stringify(lines).length).toBeLessThan(500);
  nowMs += 1000;
  await flood();
  expect(lines.map(({ suppressed }) => suppressed)).toEqual([undefined, 999]);
});

test('a loss tells whose input was being handled, once', async () => {
  shard.start();
  await up();
  const { telemetry } = shard;
  telemetry.leave(telemetry.enter(5));
  await die('a bug elsewhere');
  for (const whose of [5, HANDLING_VIEWER]) {
    vi.advanceTimersByTime(1000);
    telemetry.enter(whose);
    await die('a bug in its handler');
  }
  vi.advanceTimersByTime(1000);
  await die('another bug elsewhere');
  expect(losses.map(({ handling }) => handling)).toEqual([undefined, { slot: 4 }, 'viewer', undefined]);
});

test('what a silent worker handles is held against it only when it burns CPU', async () => {
  for (const burning of [1, 0.1]) {
    shard.start();
    await up();
    shard.telemetry.enter(3);
    pass(6000, { burning });
    await until(() => shard.state === 'restarting');
    vi.advanceTimersByTime(0);
  }
  expect(losses.map(({ handling }) => handling)).toEqual([{ slot: 2 }, undefined]);
});

test('recycling tells that it was on purpose, and does not count as a failure', async () => {
  shard.start();
  for (let i = 0; i < 3; i++) {
    await up();
    expect(shard.recycle('an operator asked for it')).toBe(true);
    await settled();
    vi.advanceTimersByTime(0);
    expect(shard.state).toBe('starting');
  }
  expect(losses).toEqual(Array(3).fill({ reason: 'an operator asked for it', isDeliberate: true }));
});

test('to stop is asked of the worker first, and whoever asks again waits for the same end', async () => {
  shard.start();
  await up();
  const { port, end } = life();
  port.on('message', ({ id, request }: ControlEnvelope) => {
    expect(request.type).toBe('stop');
    port.postMessage({ reply: id, ok: {} });
    end();
  });
  await Promise.all([shard.stop(3000), shard.stop(3000)]);
  expect(shard.state).toBe('stopped');
  expect(life().wasAborted()).toBe(false);
  expect(losses).toEqual([]);
});

test('a worker that does not stop is ended at the deadline', async () => {
  shard.start();
  await up();
  const stopped = shard.stop(3000);
  vi.advanceTimersByTime(2999);
  expect(life().wasAborted()).toBe(false);
  vi.advanceTimersByTime(1);
  await stopped;
  expect(losses).toEqual([]);
});

test('a shard that is stopped while it waits to be started again is not started', async () => {
  shard.start();
  for (let i = 0; i < 2; i++) {
    await die('cannot bind');
    vi.advanceTimersByTime(0);
  }
  await shard.stop(3000);
  vi.runAllTimers();
  expect(lives).toHaveLength(2);
  expect(shard.state).toBe('stopped');
});
