import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configKeys, type KeyTree } from './keys.ts';
import { configurationPage } from './page.ts';

test('the committed page is what the schema says (else run scripts/generate-docs.mjs)', () => {
  const committed = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
  expect(committed).toBe(configurationPage());
});

test('every key is described', () => {
  const check = (keys: KeyTree): void => {
    for (const [name, info] of keys) {
      expect(info.description, name).not.toBe('');
      check(info.children ?? new Map());
      check(info.entries ?? new Map());
    }
  };
  check(configKeys());
});
