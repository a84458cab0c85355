import { ConfigSchema } from '@shardcast/shared/config';
import { beforeEach, expect, test } from 'vitest';
import { accessTo } from '../../test/access.ts';
import { Authoriser } from './authoriser.ts';
import { httpCredentials } from './credentials.ts';

const config = (users: unknown[]) => ConfigSchema.parse({ authInternalUsers: users });
const READER = { user: 'u', pass: 'right', permissions: [{ action: 'read' }] };

let nowMs = 0;
let authoriser: Authoriser;
beforeEach(async () => {
  nowMs = 0;
  authoriser = await Authoriser.create(config([READER]), {
    log: { error() {}, warn() {}, info() {}, debug() {} },
    clock: () => nowMs,
  });
});

async function ask(password: string | undefined, ip: string): Promise<string> {
  const credentials = password === undefined ? undefined : httpCredentials(`Bearer u:${password}`, '');
  const decision = await authoriser.authorise(accessTo({ action: 'read', path: 'a', ip, credentials }));
  return decision.allowed ? 'allowed' : decision.code;
}

test('who guesses is slowed down, by address; others and those who gave nothing are not', async () => {
  for (let i = 0; i < 20; i++) expect(await ask('wrong', '203.0.113.1')).toBe('UNAUTHENTICATED');
  let refused = 0;
  for (let i = 0; i < 20; i++) refused += (await ask('wrong', '203.0.113.1')) === 'CLIENT_OVER_LIMIT' ? 1 : 0;
  expect(refused).toBeGreaterThan(15);
  expect(await ask('right', '203.0.113.1')).toBe('CLIENT_OVER_LIMIT');
  expect(await ask(undefined, '203.0.113.1')).toBe('UNAUTHENTICATED');
  expect(await ask('right', '203.0.113.2')).toBe('allowed');
  nowMs += 60_000;
  expect(await ask('right', '203.0.113.1')).toBe('allowed');
});

test('other users take effect at once, and faulty ones not at all', async () => {
  await authoriser.reconfigure(config([{ ...READER, pass: 'new' }]));
  expect(await ask('right', '127.0.0.1')).toBe('UNAUTHENTICATED');
  expect(await ask('new', '127.0.0.1')).toBe('allowed');
});

test('an authority that throws lets nobody in', async () => {
  const credentials = {
    user: 'u',
    password: undefined,
    token: undefined,
    verify: () => {
      throw new Error('a bug');
    },
  };
  expect(await authoriser.authorise(accessTo({ action: 'read', path: 'a', credentials }))).toMatchObject({
    allowed: false,
    code: 'AUTH_UNAVAILABLE',
  });
});
