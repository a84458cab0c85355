import { describe, expect, test } from 'vitest';
import { numbered, readArguments, UsageError } from './arguments.ts';

const WHEP = 'http://host:8889/cam1/whep';
const read = (...argv: string[]) => {
  const plan = readArguments(argv, {});
  if (plan === 'help') throw new Error('help');
  return plan;
};

test('without an address it measures a server of its own in the steps of the documentation', () => {
  expect(read()).toMatchObject({
    target: { kind: 'own', serverArguments: [] },
    steps: [
      { name: '64x1', streams: 64, viewers: 64 },
      { name: '1x200', streams: 1, viewers: 200 },
    ],
    bitrateBps: 1e6,
    seconds: 10,
    maxLossPercent: 0.1,
    maxDelayMs: Number.POSITIVE_INFINITY,
  });
});

test('steps count viewers of each stream, --viewers counts them in all', () => {
  expect(read('--steps=8x4').steps).toEqual([{ name: '8x4', streams: 8, viewers: 32 }]);
  expect(read('--streams=8', '--viewers=4').steps).toMatchObject([{ streams: 8, viewers: 4 }]);
  expect(read('--streams=8').steps).toMatchObject([{ streams: 8, viewers: 8 }]);
  expect(read(WHEP).steps).toMatchObject([{ streams: 1, viewers: 10 }]);
});

test('what is behind -- goes to the server', () => {
  expect(read('--steps=1x1', '--', '--workers=2').target).toEqual({ kind: 'own', serverArguments: ['--workers=2'] });
});

test('addresses with {} have a number a stream', () => {
  const { target, steps } = read('--publish=rtsp://h/bench{}', '--whep=http://h/bench{}/whep', '--streams=3');
  expect(target).toEqual({ kind: 'remote', whep: 'http://h/bench{}/whep', publish: 'rtsp://h/bench{}' });
  expect(steps).toMatchObject([{ streams: 3, viewers: 3 }]);
  expect(numbered('http://h/a{}/b{}', 7)).toBe('http://h/a7/b7');
});

test('a ramp adds a tenth unless said, and has a limit for delay', () => {
  expect(read(WHEP, '--viewers=50', '--ramp')).toMatchObject({ rampStep: 5, maxDelayMs: 200 });
  expect(read(WHEP, '--viewers=3', '--ramp')).toMatchObject({ rampStep: 1 });
  expect(read(WHEP, '--ramp=7', '--max-delay=90')).toMatchObject({ rampStep: 7, maxDelayMs: 90 });
});

test('credentials become one header; the option wins over the environment', () => {
  expect(read(WHEP, '--token=abc').authorization).toBe('Bearer abc');
  expect(read(WHEP, '--user=a:b:c').authorization).toBe(`Basic ${Buffer.from('a:b:c').toString('base64')}`);
  expect(read(WHEP).authorization).toBeUndefined();
  expect(readArguments([WHEP], { SHARDCAST_BENCH_TOKEN: 'env' })).toMatchObject({ authorization: 'Bearer env' });
  expect(readArguments([WHEP, '--token=own'], { SHARDCAST_BENCH_TOKEN: 'env' })).toMatchObject({
    authorization: 'Bearer own',
  });
});

describe('wrong options are one line that says which', () => {
  test.for([
    [['--viewrs=3'], '--viewrs'],
    [['--seconds'], '--seconds'],
    [['--seconds=-1'], '--seconds'],
    [['--seconds=abc'], '--seconds'],
    [['--viewers=1.5', WHEP], '--viewers'],
    [['--bitrate=100k'], '--bitrate'],
    [['--steps=64'], '--steps'],
    [['--steps=0x1'], '--steps'],
    [['--steps=1x0'], '--steps'],
    [['--steps=1x1', '--viewers=2'], '--steps'],
    [[WHEP, '--steps=1x1'], '--steps'],
    [[WHEP, WHEP], 'one address'],
    [['host:8889'], 'http://'],
    [['ftp://host/cam'], 'http://'],
    [[WHEP, '--publish=ftp://x/y'], '--publish'],
    [['--publish=rtsp://h/cam'], '--whep'],
    [[WHEP, '--streams=2'], '{}'],
    [['--publish=rtsp://h/cam', '--whep=http://h/cam{}/whep', '--streams=2'], '{} in --publish'],
    [[WHEP, '--', '--workers=1'], 'behind --'],
    [[WHEP, '--token=a', '--user=b:c'], 'not both'],
    [[WHEP, '--user=bob'], 'name:password'],
    [['--max-loss=101'], '--max-loss'],
  ] as const)('%j', ([argv, part]) => {
    let message = '';
    try {
      readArguments(argv, {});
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      message = error.message;
    }
    expect(message).toContain(part);
    expect(message).not.toContain('\n');
  });
});
