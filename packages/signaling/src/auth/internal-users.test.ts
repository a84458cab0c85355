import { createHash } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import { type AuthUser, ConfigSchema } from '@shardcast/shared/config';
import { beforeAll, describe, expect, test } from 'vitest';
import { accessTo } from '../../test/access.ts';
import { boundedArgon2, loadArgon2 } from './argon2.ts';
import { httpCredentials } from './credentials.ts';
import { InternalUsers } from './internal-users.ts';
import type { Argon2Verify } from './password.ts';

let argon2: Argon2Verify;
beforeAll(async () => {
  argon2 = boundedArgon2(await loadArgon2(), () => performance.now());
});

const basic = (user: string, password: string) =>
  httpCredentials(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`, '');

function users(...list: unknown[]): InternalUsers {
  const { authInternalUsers } = ConfigSchema.parse(list.length === 0 ? {} : { authInternalUsers: list });
  return new InternalUsers(authInternalUsers satisfies AuthUser[], argon2);
}

async function verdict(of: InternalUsers, request: Parameters<typeof accessTo>[0]): Promise<string> {
  const decision = await of.decide(accessTo(request));
  return decision.allowed ? 'allowed' : decision.code;
}

describe('without users of one’s own', () => {
  const http = { host: 'localhost:9997', origin: undefined, isForwarded: false };

  test('everyone publishes and reads, from anywhere', async () => {
    for (const action of ['publish', 'read'] as const) {
      const request = { action, path: 'cam', ip: '203.0.113.9', http: { ...http, origin: 'https://x.example' } };
      expect(await verdict(users(), request)).toBe('allowed');
    }
  });

  test('API, metrics and profiles answer the same host only', async () => {
    for (const action of ['api', 'metrics', 'pprof'] as const) {
      for (const ip of ['127.0.0.1', '127.9.9.9', '::1'])
        expect(await verdict(users(), { action, ip })).toBe('allowed');
      for (const ip of ['192.168.1.2', '::2', '', '127.0.0.1.evil.example', '10.127.0.1']) {
        expect(await verdict(users(), { action, ip }), ip).toBe('FORBIDDEN');
      }
    }
  });

  test('a local browser is no way in for pages from elsewhere', async () => {
    for (const host of ['localhost', 'localhost:9997', '127.0.0.1:9997', '[::1]:9997', undefined]) {
      expect(await verdict(users(), { action: 'api', http: { ...http, host } }), host).toBe('allowed');
    }
    for (const host of ['evil.example', 'localhost.evil.example', '192.0.2.1']) {
      expect(await verdict(users(), { action: 'api', http: { ...http, host } }), host).toBe('FORBIDDEN');
    }
    const from = (origin: string) => verdict(users(), { action: 'api', http: { ...http, origin } });
    expect(await from('http://localhost:8889')).toBe('allowed');
    for (const origin of ['https://evil.example', 'null', 'http://localhost@evil.example']) {
      expect(await from(origin), origin).toBe('FORBIDDEN');
    }
  });

  test('what a proxy passes on is not local', async () => {
    expect(await verdict(users(), { action: 'api', http: { ...http, isForwarded: true } })).toBe('FORBIDDEN');
  });
});

test('a user may what his permissions say: by action, by name, by expression', async () => {
  const of = users({
    user: 'cam',
    pass: 's3cret',
    permissions: [{ action: 'publish', path: 'yard' }, { action: 'read', path: '~^live/' }, { action: 'metrics' }],
  });
  const ask = (action: 'publish' | 'read' | 'api' | 'metrics', path?: string) =>
    verdict(of, { action, path, credentials: basic('cam', 's3cret') });
  expect(await ask('publish', 'yard')).toBe('allowed');
  expect(await ask('publish', 'yard2')).toBe('UNAUTHENTICATED');
  expect(await ask('read', 'live/1')).toBe('allowed');
  expect(await ask('read', 'old/live/1')).toBe('UNAUTHENTICATED');
  expect(await ask('metrics')).toBe('allowed');
  // Nobody may: that is no secret, as which paths there are would be.
  expect(await ask('api')).toBe('FORBIDDEN');
});

test.for([
  ['in clear', 's3cret', 'cam'],
  ['as sha256', `sha256:${createHash('sha256').update('s3cret').digest('base64')}`, 'cam'],
  ['as argon2', 'argon2', 'cam'],
  ['with a hashed name', 's3cret', `sha256:${createHash('sha256').update('cam').digest('base64')}`],
])('a password %s is the right one or it is not', async ([, pass, user]) => {
  const stored = pass === 'argon2' ? `argon2:${await hash('s3cret', { memoryCost: 8192 })}` : pass;
  const of = users({ user, pass: stored, permissions: [{ action: 'read' }] });
  const ask = (credentials: ReturnType<typeof basic>) => verdict(of, { action: 'read', path: 'a', credentials });
  expect(await ask(basic('cam', 's3cret'))).toBe('allowed');
  expect(await ask(httpCredentials('Bearer cam:s3cret', ''))).toBe('allowed');
  expect(await ask(httpCredentials(undefined, 'user=cam&pass=s3cret'))).toBe('allowed');
  const wrong = [basic('cam', 's3cre'), basic('cam', ''), basic('', 's3cret'), basic('camm', 's3cret')];
  for (const credentials of wrong) expect(await ask(credentials)).toBe('UNAUTHENTICATED');
  // What stands in the file opens nothing by itself.
  if (stored !== 's3cret') expect(await ask(basic('cam', stored ?? ''))).toBe('UNAUTHENTICATED');
  expect(await ask(httpCredentials('Bearer token', ''))).toBe('UNAUTHENTICATED');
  expect(await ask(httpCredentials('Negotiate abc', 'user=cam&pass=s3cret'))).toBe('UNAUTHENTICATED');
  expect(await ask(undefined)).toBe('UNAUTHENTICATED');
});

test('a user of some networks is nobody elsewhere, nor behind a proxy', async () => {
  const of = users({ user: 'any', ips: ['10.0.0.0/8', '2001:db8::/32'], permissions: [{ action: 'publish' }] });
  const http = { host: 'media.example', origin: undefined, isForwarded: false };
  const ask = (ip: string, isForwarded = false) =>
    verdict(of, { action: 'publish', path: 'a', ip, http: { ...http, isForwarded } });
  expect(await ask('10.1.2.3')).toBe('allowed');
  expect(await ask('2001:db8::5')).toBe('allowed');
  expect(await ask('11.0.0.1')).toBe('FORBIDDEN');
  expect(await ask('10.1.2.3', true)).toBe('FORBIDDEN');
});

test('an unknown name costs as much as a wrong password: a hash is computed', async () => {
  let computed = 0;
  const slow = new InternalUsers(
    ConfigSchema.parse({
      authInternalUsers: [
        { user: 'cam', pass: `argon2:${await hash('x', { memoryCost: 8192 })}`, permissions: [{ action: 'read' }] },
      ],
    }).authInternalUsers,
    async () => {
      computed++;
      return false;
    },
  );
  await slow.decide(accessTo({ action: 'read', path: 'a', credentials: basic('cam', 'wrong') }));
  await slow.decide(accessTo({ action: 'read', path: 'a', credentials: basic('nobody', 'wrong') }));
  expect(computed).toBe(2);
});

test('only passwords in clear allow a digest', () => {
  expect(users({ user: 'a', pass: 'b' }, { user: 'any' }).takesDigest).toBe(true);
  expect(users({ user: 'a', pass: `sha256:${Buffer.alloc(32).toString('base64')}` }).takesDigest).toBe(false);
});
