import { expect, test } from 'vitest';
import { findPath, pathsWithSources } from './find-path.ts';
import { ConfigSchema } from './schema.ts';

const config = ConfigSchema.parse({
  pathDefaults: { maxReaders: 3 },
  paths: {
    cam1: { source: 'rtsp://h/1', maxReaders: 9 },
    '~^live/': {},
    '~^live/b': { maxReaders: 1 },
    all_others: { maxReaders: 5 },
  },
});

test('the own entry wins, then the first expression, then all_others', () => {
  expect(findPath(config, 'cam1')).toEqual({
    confName: 'cam1',
    config: { ...config.pathDefaults, source: 'rtsp://h/1', maxReaders: 9 },
  });
  expect(findPath(config, 'live/b')).toMatchObject({ confName: '~^live/', config: { maxReaders: 3 } });
  expect(findPath(config, 'x')).toMatchObject({ confName: 'all_others', config: { maxReaders: 5 } });
});

test('without all_others other names are not admitted', () => {
  expect(findPath(ConfigSchema.parse({ paths: { a: {} } }), 'b')).toBeUndefined();
});

test('names of object methods are names like any other', () => {
  expect(findPath(ConfigSchema.parse({ paths: { a: {} } }), 'constructor')).toBeUndefined();
});

test('only named paths with a source are opened at start', () => {
  expect(pathsWithSources(config).map((path) => path.name)).toEqual(['cam1']);
});
