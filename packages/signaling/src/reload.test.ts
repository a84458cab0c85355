import { type Config, ConfigSchema, type LoadedConfig, ShardcastError } from '@shardcast/shared';
import { beforeEach, expect, test } from 'vitest';
import { Reload } from './reload.ts';

let lines: [level: string, message: string, fields: Record<string, unknown>][];
let applied: Config[];
beforeEach(() => {
  lines = [];
  applied = [];
});

const loaded = (settings: Record<string, unknown>, file = '/etc/shardcast.yml'): LoadedConfig => ({
  config: ConfigSchema.parse(settings),
  file,
  warnings: [],
});

async function reload(load: () => LoadedConfig): Promise<void> {
  const write = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push([level, message, fields]);
  await new Reload({
    first: loaded({ paths: { a: {} } }),
    load,
    apply: async (config) => {
      applied.push(config);
    },
    log: { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') },
  }).run();
}

test('other paths are applied', async () => {
  const next = loaded({ paths: { b: {} }, pathDefaults: { maxReaders: 3 } });
  await reload(() => next);
  expect(applied).toEqual([next.config]);
  expect(lines).toEqual([['info', 'configuration read again', { paths: 1 }]]);
});

test('keys that cannot change while it runs are named, without their values', async () => {
  await reload(() => loaded({ paths: { a: {} }, rtcpInterval: '7s' }));
  expect(lines[0]).toEqual(['warn', 'keys that changed take effect at the next start', { keys: ['rtcpInterval'] }]);
});

test('one that is not valid changes nothing, and each fault is said', async () => {
  await reload(() => {
    throw new ShardcastError('CONFIG_INVALID', 'shardcast.yml:3: a\nshardcast.yml:4: b');
  });
  expect(applied).toEqual([]);
  expect(lines).toEqual([
    [
      'error',
      'configuration not read again: the one before stays in force',
      { faults: ['shardcast.yml:3: a', 'shardcast.yml:4: b'] },
    ],
  ]);
});

test('a file that is gone is not taken for a wish to have no paths', async () => {
  await reload(() => ({ ...loaded({}), file: undefined }));
  await reload(() => loaded({}, '/usr/local/etc/shardcast.yml'));
  expect(applied).toEqual([]);
  expect(lines.map(([level]) => level)).toEqual(['error', 'error']);
});

test('a bug is logged, not thrown', async () => {
  const bug = new Error('a bug');
  await reload(() => {
    throw bug;
  });
  expect(lines).toMatchObject([['error', expect.any(String), { err: bug }]]);
});
