import { expect, test } from 'vitest';
import { configKeys, type KeyTree } from './keys.ts';
import { environmentOverrides } from './overrides.ts';

/** Every secret, as the keys that lead to it; of a list the first item's, of paths one's. */
function secrets(keys: KeyTree, before: readonly string[] = []): string[][] {
  return [...keys].flatMap(([key, { isSecret, children, items, entries }]) => {
    const path = [...before, key];
    return [
      ...(isSecret === true ? [path] : []),
      ...(children === undefined ? [] : secrets(children, path)),
      ...(items === undefined ? [] : secrets(items, [...path, '0'])),
      ...(entries === undefined ? [] : secrets(entries, [...path, 'cam1'])),
    ];
  });
}

/** And URLs, which may have a password in them. */
const SECRETS = [...secrets(configKeys()), ['paths', 'cam1', 'source'], ['authHTTPAddress'], ['authJWTJWKS']];

test('passwords are among the secrets', () => {
  expect(SECRETS).toContainEqual(['authInternalUsers', '0', 'pass']);
});

test.each(SECRETS.map((keys) => [keys.join('.'), keys] as const))('%s can be read from a file', (_, keys) => {
  const variable = `SHARDCAST_${keys.join('_').toUpperCase()}_FILE`;
  const { overrides, unknown } = environmentOverrides(
    { [variable]: '/run/secrets/it' },
    'SHARDCAST_',
    ['cam1'],
    (file) => `the content of ${file}\n`,
  );
  expect(unknown).toEqual([]);
  expect(overrides).toEqual([{ keys, value: 'the content of /run/secrets/it', origin: variable }]);
});
