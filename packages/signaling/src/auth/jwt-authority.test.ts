import { createServer, type Server } from 'node:http';
import { ConfigSchema } from '@shardcast/shared/config';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { accessTo } from '../../test/access.ts';
import { Authoriser } from './authoriser.ts';
import { httpCredentials } from './credentials.ts';

const NOW_MS = 1_900_000_000_000;
const PUBLISH = [{ action: 'publish', path: 'cam1' }];
const keys = await generateKeyPair('ES256');
const others = await generateKeyPair('ES256');

let server: Server;
let url = '';
let status = 200;
let authoriser: Authoriser;
beforeAll(async () => {
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  server = createServer((_req, res) => {
    res.statusCode = status;
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/jwks`;
});
afterAll(() => server.close());
beforeEach(async () => {
  status = 200;
  authoriser = await begin({});
});

function begin(more: Record<string, unknown>): Promise<Authoriser> {
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  const config = ConfigSchema.parse({ authMethod: 'jwt', authJWTJWKS: url, ...more });
  return Authoriser.create(config, { log, clock: () => performance.now(), now: () => NOW_MS });
}

function token(claims: JWTPayload, { key = keys.privateKey, expires = NOW_MS / 1000 + 60 } = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setExpirationTime(expires).sign(key);
}

async function verdict(text: string | undefined, path = 'cam1', query = ''): Promise<string | number> {
  const credentials = httpCredentials(text === undefined ? undefined : `Bearer ${text}`, query);
  const decision = await authoriser.authorise(accessTo({ action: 'publish', path, credentials, query }));
  return decision.allowed ? decision.lifetimeMs : decision.code;
}

test('a token allows what its claim says, for as long as it lasts', async () => {
  const good = await token({ mediamtx_permissions: PUBLISH });
  expect(await verdict(good)).toBe(60_000);
  expect(await verdict(good, 'cam2')).toBe('UNAUTHENTICATED');
  expect(await verdict(await token({ mediamtx_permissions: JSON.stringify(PUBLISH) }))).toBe(60_000);
  expect(await verdict(undefined)).toBe('UNAUTHENTICATED');
  expect(await verdict(undefined, 'cam1', `jwt=${good}`)).toBe(60_000);
  expect(await verdict(undefined, 'cam1', `user=x&pass=${good}`)).toBe(60_000);
});

test('what is no token of ours allows nothing', async () => {
  const claims = { mediamtx_permissions: PUBLISH };
  const good = await token(claims);
  const [head, body, signature] = good.split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const bad = [
    await token(claims, { key: others.privateKey }),
    await token(claims, { expires: NOW_MS / 1000 - 60 }),
    await token({ mediamtx_permissions: [{ action: 'everything' }] }),
    await token({ mediamtx_permissions: 'publish' }),
    await token({}),
    `${none}.${body}.`,
    `${head}.${body}.${signature?.slice(0, -4)}AAAA`,
    'x.y.z',
    'x'.repeat(10_000),
  ];
  for (const text of bad) expect(await verdict(text)).toBe('UNAUTHENTICATED');
});

test('issuer and audience are compared where they are configured', async () => {
  authoriser = await begin({ authJWTIssuer: 'https://id.example', authJWTAudience: 'shardcast' });
  const claims = { mediamtx_permissions: PUBLISH };
  expect(await verdict(await token(claims))).toBe('UNAUTHENTICATED');
  expect(await verdict(await token({ ...claims, iss: 'https://id.example', aud: 'another' }))).toBe('UNAUTHENTICATED');
  expect(await verdict(await token({ ...claims, iss: 'https://id.example', aud: 'shardcast' }))).toBe(60_000);
});

test('tokens in the query can be forbidden, since they end up in histories', async () => {
  authoriser = await begin({ authJWTInHTTPQuery: 'no' });
  const good = await token({ mediamtx_permissions: PUBLISH });
  expect(await verdict(good)).toBe(60_000);
  for (const name of ['jwt', 'token', 'user=x&pass']) {
    expect(await verdict(undefined, 'cam1', `${name}=${good}`)).toBe('UNAUTHENTICATED');
  }
});

test('without the keys nobody is judged, and nobody is let in', async () => {
  status = 500;
  authoriser = await begin({});
  expect(await verdict(await token({ mediamtx_permissions: PUBLISH }))).toBe('AUTH_UNAVAILABLE');
});

test('expired tokens of a whole house do not shut it out: they are no guesses', async () => {
  const expired = await token({ mediamtx_permissions: PUBLISH }, { expires: NOW_MS / 1000 - 60 });
  const ask = async (text: string) => {
    const credentials = httpCredentials(`Bearer ${text}`, '');
    const request = accessTo({ action: 'publish', path: 'cam1', ip: '203.0.113.1', credentials });
    return (await authoriser.authorise(request)).allowed;
  };
  for (let i = 0; i < 50; i++) expect(await ask(expired)).toBe(false);
  expect(await ask(await token({ mediamtx_permissions: PUBLISH }))).toBe(true);
});
