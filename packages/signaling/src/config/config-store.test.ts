import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShardcastError } from '@shardcast/shared';
import { type Config, type ConfigChange, loadConfig } from '@shardcast/shared/config';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigStore } from './config-store.ts';
import type { PathEffect } from './effects.ts';
import { ConfigJournal } from './journal.ts';

let directory: string;
let lines: [level: string, message: string, fields: Record<string, unknown>][];
let applied: Config[];
let refusal: Error | undefined;
let effects: PathEffect[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-'));
  lines = [];
  applied = [];
  refusal = undefined;
  effects = [];
  write('# cameras\npaths:\n  a: {}   # the gate\n');
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (text: string) => writeFileSync(join(directory, 'shardcast.yml'), text);
const load = (changes: readonly ConfigChange[] = [], change?: ConfigChange) =>
  loadConfig({
    arguments: [],
    environment: {},
    workingDirectory: directory,
    demoClip: '',
    directories: [directory],
    changes,
    change,
  });
const journalFile = () => join(directory, 'shardcast.yml.journal');

function start(file: string | undefined = journalFile()): ConfigStore {
  const logTo = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push([level, message, fields]);
  const journal = ConfigJournal.open(file);
  const store = new ConfigStore({
    first: load(journal.changes),
    load,
    journal,
    log: { error: logTo('error'), warn: logTo('warn'), info: logTo('info'), debug: logTo('debug') },
    now: () => new Date('2026-01-02T03:04:05Z'),
  });
  store.attach({
    preview: () => effects,
    apply: async (config) => {
      if (refusal !== undefined) throw refusal;
      applied.push(config);
    },
  });
  return store;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof ShardcastError ? error.code : error),
  );

describe('a change', () => {
  test('takes effect, and the file keeps its comments', async () => {
    const store = start();
    effects = [{ path: 'cam7', effect: 'restarts', readers: 3 }];
    const said = await store.change({ op: 'add-path', name: 'b', value: { maxReaders: 3 } });
    expect(said).toMatchObject({ summary: 'restarts cam7, 3 viewers', paths: effects });
    expect(applied).toEqual([store.config]);
    expect(store.config.paths).toEqual({ a: {}, b: { maxReaders: 3 } });
    expect(readFileSync(join(directory, 'shardcast.yml'), 'utf8')).toContain('# the gate');
  });

  test('survives a restart', async () => {
    const store = start();
    await store.change({ op: 'add-path', name: 'b', value: { source: 'rtsp://cam.example/1' } });
    await store.change({ op: 'patch-path', name: 'b', value: { maxReaders: 3 } });
    await store.change({ op: 'patch-path-defaults', value: { maxReaders: 9 } });
    await store.change({ op: 'patch-global', value: { rtcpInterval: '7s', keyframeCache: { enabled: 'off' } } });
    await store.change({ op: 'delete-path', name: 'a' });
    const again = start();
    expect(again.config).toEqual(store.config);
    expect(again.config).toMatchObject({
      paths: { b: { source: 'rtsp://cam.example/1', maxReaders: 3 } },
      pathDefaults: { maxReaders: 9 },
      rtcpInterval: 7000,
      keyframeCache: { enabled: false, maxBytes: 2 * 1024 ** 2 },
    });
    expect(Object.keys(again.config.paths)).toEqual(['b']);
  });

  test('to null is back to the default', async () => {
    write('rtcpInterval: 9s\npaths: {a: {maxReaders: 5}}\n');
    const store = start();
    await store.change({ op: 'patch-global', value: { rtcpInterval: null } });
    await store.change({ op: 'patch-path', name: 'a', value: { maxReaders: null } });
    expect([start().config.rtcpInterval, start().config.paths]).toEqual([3000, { a: {} }]);
  });

  test('that is only tried changes nothing', async () => {
    const store = start();
    const before = store.config;
    const said = await store.change({ op: 'patch-global', value: { nack: true, rtspAddress: ':9554' } }, true);
    expect(said).toEqual({
      summary: 'nack at the next start of a worker; rtspAddress at the next start of the server',
      paths: [],
      atWorkerStart: ['nack'],
      atServerStart: ['rtspAddress'],
    });
    expect([store.config, applied, start().config]).toEqual([before, [], before]);
  });

  test.for<[string, ConfigChange, string, RegExp]>([
    [
      'a wrong key',
      { op: 'patch-path', name: 'a', value: { sorce: 'x' } },
      'SETTING_INVALID',
      /^paths\.a\.sorce: .*`source`/,
    ],
    [
      'a wrong value',
      { op: 'patch-global', value: { rtcpInterval: 'soon' } },
      'SETTING_INVALID',
      /^rtcpInterval: expected/,
    ],
    ['a bad name', { op: 'add-path', name: 'b//c', value: {} }, 'SETTING_INVALID', /^paths\.b\/\/c: /],
    ['a path that is there', { op: 'add-path', name: 'a', value: {} }, 'SETTING_EXISTS', /already/],
    ['a path that is not', { op: 'patch-path', name: 'zz', value: {} }, 'SETTING_NOT_FOUND', /no such/],
    ['a path to delete that is not', { op: 'delete-path', name: 'zz' }, 'SETTING_NOT_FOUND', /no such/],
    [
      'paths among the settings',
      { op: 'patch-global', value: { paths: {} } },
      'SETTING_INVALID',
      /of its own|of their own/,
    ],
    [
      'a mask',
      { op: 'patch-path', name: 'a', value: { source: 'rtsp://***@c/1' } },
      'SETTING_INVALID',
      /^source: .*mask/,
    ],
  ])('of %s is refused and leaves no trace', async ([, change, code, message]) => {
    const store = start();
    const before = store.config;
    const failure = await store.change(change).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect([store.config, applied, start().config]).toEqual([before, [], before]);
  });

  test('that cannot be made is taken back', async () => {
    const store = start();
    refusal = new ShardcastError('CONFIG_INVALID', 'authJWTJWKS cannot be reached');
    expect(await codeOf(store.change({ op: 'add-path', name: 'b', value: {} }))).toBe('SETTING_INVALID');
    refusal = undefined;
    await store.change({ op: 'add-path', name: 'c', value: {} });
    expect(Object.keys(start().config.paths)).toEqual(['a', 'c']);
  });

  test('that cannot be written down is not made', async () => {
    const store = start(join(directory, 'nowhere', 'journal'));
    expect(await codeOf(store.change({ op: 'add-path', name: 'b', value: {} }))).toBe('CONFIG_NOT_SAVED');
    expect([applied, Object.keys(store.config.paths)]).toEqual([[], ['a']]);
  });

  test('is made one after the other, however many come at once', async () => {
    const store = start();
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    await Promise.all(names.map((name) => store.change({ op: 'add-path', name, value: {} })));
    expect(Object.keys(start().config.paths)).toEqual(['a', ...names]);
    expect(applied.map(({ paths }) => Object.keys(paths).length)).toEqual(names.map((_, index) => index + 2));
  });
});

describe('the journal', () => {
  test('is for its owner alone', async () => {
    await start().change({ op: 'add-path', name: 'b', value: { source: 'rtsp://u:p@cam/1' } });
    expect(statSync(journalFile()).mode & 0o777).toBe(0o600);
  });

  test('may end in the middle of a line, as a process does', async () => {
    await start().change({ op: 'add-path', name: 'b', value: {} });
    writeFileSync(journalFile(), '{"op":"add-path","na', { flag: 'a' });
    const store = start();
    expect(Object.keys(store.config.paths)).toEqual(['a', 'b']);
    await store.change({ op: 'add-path', name: 'c', value: {} });
    expect(Object.keys(start().config.paths)).toEqual(['a', 'b', 'c']);
  });

  test('with a line that nobody understands is named, with the line', () => {
    writeFileSync(journalFile(), '{"op":"add-path","name":"b","value":{}}\n{"op":"dance"}\n');
    expect(() => start()).toThrow(/shardcast\.yml\.journal:2: is no change/);
    writeFileSync(journalFile(), 'x\n');
    expect(() => start()).toThrow(/shardcast\.yml\.journal:1: is not JSON/);
  });

  test('is written anew when it is long, and says the same', async () => {
    const patches = Array.from({ length: 1200 }, (_, index) => ({
      op: 'patch-path',
      name: index % 2 === 0 ? 'a' : 'b',
      value: { maxReaders: index },
    }));
    const text = [{ op: 'replace-path', name: 'b', value: {} }, ...patches].map((line) => `${JSON.stringify(line)}\n`);
    writeFileSync(journalFile(), text.join(''));
    const { config } = start();
    expect(readFileSync(journalFile(), 'utf8').trim().split('\n')).toHaveLength(2);
    expect(start().config).toEqual(config);
    expect(config.paths).toEqual({ a: { maxReaders: 1198 }, b: { maxReaders: 1199 } });
  });

  test('whose path is gone from the file is left out there, with a warning', async () => {
    await start().change({ op: 'patch-path', name: 'a', value: { maxReaders: 3 } });
    write('paths: {z: {}}\n');
    const loaded = load(ConfigJournal.open(journalFile()).changes);
    expect(Object.keys(loaded.config.paths)).toEqual(['z']);
    expect(loaded.warnings).toEqual(['a change made by the API is left out: patch-path a: no such path is configured']);
  });
});

describe('a file that is read again', () => {
  test('is applied, with what the API changed', async () => {
    const store = start();
    await store.change({ op: 'add-path', name: 'b', value: {} });
    write('paths: {c: {}}\npathDefaults: {maxReaders: 3}\n');
    await store.reload();
    expect(Object.keys(store.config.paths)).toEqual(['c', 'b']);
    expect(applied.at(-1)).toEqual(store.config);
    expect(lines.at(-1)).toEqual(['info', 'configuration read again', { paths: 2, effects: 'disturbs nothing' }]);
  });

  test('with keys that wait for a restart names them, without their values, until it comes', async () => {
    const store = start();
    write('rtcpInterval: 7s\npaths: {a: {}}\n');
    await store.reload();
    await store.reload();
    const warned = ['warn', 'keys that changed take effect at the next start', { keys: ['rtcpInterval'] }];
    expect(lines.filter(([level]) => level === 'warn')).toEqual([warned, warned]);
  });

  test('and is not valid changes nothing, and each fault is said', async () => {
    const store = start();
    const before = store.config;
    write('pths: {}\nnack: maybe\n');
    await store.reload();
    expect([store.config, applied]).toEqual([before, []]);
    expect(lines).toEqual([
      [
        'error',
        'configuration not read again: the one before stays in force',
        { faults: [expect.stringContaining('shardcast.yml:2: nack'), expect.stringContaining('`paths`')] },
      ],
    ]);
  });

  test('and is gone is not taken for a wish to have no paths', async () => {
    const store = start();
    rmSync(join(directory, 'shardcast.yml'));
    await store.reload();
    expect(applied).toEqual([]);
    expect(lines.map(([level]) => level)).toEqual(['error']);
  });

  test('and cannot be applied is logged, not thrown', async () => {
    const store = start();
    refusal = new Error('a bug');
    await store.reload();
    expect(lines).toMatchObject([['error', expect.any(String), { err: refusal }]]);
  });
});

test('nothing changes before the server is up', async () => {
  const journal = ConfigJournal.open(undefined);
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  const store = new ConfigStore({ first: load(), load, journal, log, now: () => new Date(0) });
  expect(await codeOf(store.change({ op: 'add-path', name: 'b', value: {} }))).toBe('SHUTTING_DOWN');
});

test('values of settings are read as they are written, and checked', () => {
  const store = start();
  expect(store.valuesOf(['nack', 'rtcpInterval'], { nack: 'on', rtcpInterval: '1s' })).toEqual({
    nack: true,
    rtcpInterval: 1000,
  });
  expect(() => store.valuesOf(['nack'], { nack: 'maybe' })).toThrow(/nack: expected/);
});
