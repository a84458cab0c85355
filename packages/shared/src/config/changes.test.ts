import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ConfigChange, changeSettings, foldChanges } from './changes.ts';

const key = fc.constantFrom('nack', 'keyframeCache', 'maxReaders', '__proto__', 'x');
const leaf = fc.oneof(fc.integer(), fc.constant(null), fc.string({ maxLength: 3 }), fc.constant([1, 2]));
const value = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf)), { noNullPrototype: true });
const name = fc.constantFrom('a', 'b', '__proto__', 'constructor');
const change: fc.Arbitrary<ConfigChange> = fc.oneof(
  fc.record({ op: fc.constantFrom('patch-global', 'patch-path-defaults'), value }),
  fc.record({ op: fc.constantFrom('patch-path', 'replace-path'), name, value }),
  fc.record({ op: fc.constant('delete-path'), name }),
) as fc.Arbitrary<ConfigChange>;
const settings = fc
  .dictionary(key, leaf, { noNullPrototype: true })
  .chain((global) =>
    fc.dictionary(name, fc.dictionary(key, leaf, { noNullPrototype: true })).map((paths) => ({ ...global, paths })),
  );

/** Those that do not apply are left out, as when a configuration is loaded. */
function makeAll(start: Record<string, unknown>, changes: readonly ConfigChange[]): [unknown, ConfigChange[]] {
  const made: ConfigChange[] = [];
  let now = start;
  for (const one of changes) {
    try {
      now = changeSettings(now, one);
      made.push(one);
    } catch {}
  }
  return [now, made];
}

test('folded changes do what they did one by one', () => {
  fc.assert(
    fc.property(settings, fc.array(change, { maxLength: 12 }), (start, changes) => {
      const [after, made] = makeAll(start, changes);
      const folded = foldChanges(made);
      expect(makeAll(start, folded)[0]).toEqual(after);
      expect(folded.length).toBeLessThanOrEqual(made.length);
    }),
  );
});

test('what concerns the same becomes one', () => {
  const patch = (name: string, value: Record<string, unknown>): ConfigChange => ({ op: 'patch-path', name, value });
  expect(
    foldChanges([
      { op: 'patch-global', value: { nack: 'on', keyframeCache: { enabled: 'off' } } },
      { op: 'add-path', name: 'a', value: { maxReaders: 1 } },
      patch('b', { maxReaders: 1 }),
      patch('a', { maxReaders: null, source: 'publisher' }),
      patch('b', { maxReaders: null }),
      { op: 'patch-global', value: { nack: null, keyframeCache: { maxAge: '5s' } } },
      { op: 'delete-path', name: 'c' },
    ]),
  ).toEqual([
    { op: 'patch-global', value: { nack: null, keyframeCache: { enabled: 'off', maxAge: '5s' } } },
    { op: 'replace-path', name: 'a', value: { source: 'publisher' } },
    patch('b', { maxReaders: null }),
    { op: 'delete-path', name: 'c' },
  ]);
});

test('settings stay as they are while one is changed', () => {
  fc.assert(
    fc.property(settings, change, (start, one) => {
      const before = JSON.stringify(start);
      makeAll(start, [one]);
      expect(JSON.stringify(start)).toBe(before);
    }),
  );
});
