import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pathNameFault } from './path-name.ts';

test('ordinary names are admitted', () => {
  for (const name of ['cam1', 'live/floor-2/cam_1', 'a.b~c:d', 'x'.repeat(256)])
    expect(pathNameFault(name)).toBeUndefined();
});

test('each rule has its own words', () => {
  expect(pathNameFault('')).toContain('empty');
  expect(pathNameFault('x'.repeat(257))).toContain('256');
  for (const name of ['a b', 'a?b', 'é', 'a\\b', 'a%2fb', '<script>', 'a\n'])
    expect(pathNameFault(name), name).toContain('only');
  for (const name of ['/a', 'a/', 'a//b']) expect(pathNameFault(name), name).toContain('empty segments');
  for (const name of ['..', 'a/../b', './a', 'a/.']) expect(pathNameFault(name), name).toContain('. or ..');
  for (const name of ['whip', 'a/whep', 'whep/a']) expect(pathNameFault(name), name).toContain('segment wh');
});

test('an admitted name resolves to itself in a URL', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webPath(), fc.stringMatching(/^[\w.~:/-]{1,12}$/)), (name) => {
      if (pathNameFault(name) === undefined) expect(new URL(`/${name}/`, 'http://h').pathname).toBe(`/${name}/`);
    }),
    { numRuns: 2_000 },
  );
});
