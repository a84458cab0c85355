import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AuthOutcome, RtspClientAuth, RtspServerAuth } from './auth.ts';
import { parseAuthHeader } from './challenge.ts';
import { digestResponse } from './digest.ts';

describe('published vectors', () => {
  const common = { user: 'Mufasa', method: 'GET', uri: '/dir/index.html' } as const;
  test('RFC 2617 §3.5', () => {
    const input = {
      ...common,
      algorithm: 'MD5',
      realm: 'testrealm@host.com',
      password: 'Circle Of Life',
      nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
      qop: { nc: '00000001', cnonce: '0a4f113b' },
    } as const;
    expect(digestResponse(input)).toBe('6629fae49393a05397450978507c4ef1');
    // RFC 2069 §2.4 as corrected by erratum 749: the same without qop.
    expect(digestResponse({ ...input, password: 'CircleOfLife', qop: undefined })).toBe(
      '1949323746fe6a43ef61f9606e7febea',
    );
  });
  test.for([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ] as const)('RFC 7616 §3.9.1, %s', ([algorithm, response]) => {
    const input = {
      ...common,
      algorithm,
      realm: 'http-auth@example.org',
      password: 'Circle of Life',
      nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
      qop: { nc: '00000001', cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' },
    };
    expect(digestResponse(input)).toBe(response);
  });
});

const URI = 'rtsp://h/cam';
const isRight = (outcome: AuthOutcome, password: string) => typeof outcome === 'object' && outcome.verify(password);

test.for([
  ['SHA-256', { algorithms: ['SHA-256'], basic: false }],
  ['MD5', { algorithms: ['MD5'], basic: false }],
  ['Basic', { algorithms: [] }],
] as const)('client and server agree by %s on the right password only', ([scheme, options]) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (user, password) => {
      fc.pre(scheme !== 'Basic' || !user.includes(':'));
      const server = new RtspServerAuth(options);
      const client = new RtspClientAuth(user, password);
      expect(client.challenge(server.challenges())).toBe(true);
      for (const method of ['DESCRIBE', 'SETUP']) {
        const outcome = server.read(client.authorization(method, URI), method, URI);
        expect(outcome).toMatchObject({ user });
        expect(isRight(outcome, password)).toBe(true);
        expect(isRight(outcome, `${password}x`)).toBe(false);
      }
    }),
    { numRuns: 30 },
  );
});

test('the client takes the strongest challenge, in one header or many', () => {
  const algorithm = (...headers: string[]) => {
    const client = new RtspClientAuth('u', 'p');
    client.challenge(headers);
    const [fields] = parseAuthHeader(client.authorization('PLAY', URI) ?? '');
    return fields?.scheme === 'digest' ? fields.parameters.get('algorithm') : fields?.scheme;
  };
  const md5 = 'Digest realm="r", nonce="n", algorithm="MD5", qop="auth,auth-int"';
  const sha = 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"';
  expect(algorithm(md5, sha, 'Basic realm="r"')).toBe('SHA-256');
  expect(algorithm(`Basic realm="r", ${md5}`)).toBe('MD5');
  expect(algorithm('Digest realm="r", nonce="n", algorithm=SHA-512', 'Basic realm="r"')).toBe('basic');
  expect(algorithm('Digest realm="r", nonce="n", qop="auth-int"')).toBeUndefined();
});

test('the client does without qop and algorithm where the server names none', () => {
  const client = new RtspClientAuth('cam', 'pw');
  client.challenge(['Digest realm="IP Camera", nonce="abc"']);
  const header = client.authorization('PLAY', `rtsp://cam:pw@h/cam`) ?? '';
  expect(header).not.toMatch(/qop|algorithm|cnonce|cam:pw/);
  expect(header).toContain('uri="rtsp://h/cam"');
});

test('the client gives up after a refusal, but not after a stale or another nonce', () => {
  const challenge = (nonce: string, more = '') => [`Digest realm="r", nonce="${nonce}", qop="auth"${more}`];
  const client = new RtspClientAuth('u', 'p');
  expect(client.challenge(challenge('a'))).toBe(true);
  expect(client.challenge(challenge('a'))).toBe(false);
  expect(client.challenge(challenge('a', ', stale=true'))).toBe(true);
  expect(client.challenge(challenge('b'))).toBe(true);
  const basic = new RtspClientAuth('u', 'p');
  expect(basic.challenge(['Basic realm="r"'])).toBe(true);
  expect(basic.challenge(['Basic realm="r"'])).toBe(false);
  expect(new RtspClientAuth('u', 'p').challenge([])).toBe(false);
});

test('the count rises with each request, and the server takes none twice', () => {
  const server = new RtspServerAuth();
  const client = new RtspClientAuth('u', 'p');
  client.challenge(server.challenges());
  const first = client.authorization('OPTIONS', URI);
  const second = client.authorization('OPTIONS', URI);
  expect([first, second].map((header) => /nc=(\w+)/.exec(header ?? '')?.[1])).toEqual(['00000001', '00000002']);
  expect(isRight(server.read(first, 'OPTIONS', URI), 'p')).toBe(true);
  expect(server.read(first, 'OPTIONS', URI)).toBe('stale');
  expect(isRight(server.read(second, 'OPTIONS', URI), 'p')).toBe(true);
});

test('an answer for another connection, method or URI does not hold', () => {
  const server = new RtspServerAuth();
  const client = new RtspClientAuth('u', 'p');
  client.challenge(server.challenges());
  const answer = () => client.authorization('ANNOUNCE', URI);
  expect(new RtspServerAuth().read(answer(), 'ANNOUNCE', URI)).toBe('stale');
  expect(isRight(server.read(answer(), 'RECORD', URI), 'p')).toBe(false);
  expect(server.read(answer(), 'ANNOUNCE', 'rtsp://h/other')).toBe('malformed');
  expect(isRight(server.read(answer(), 'ANNOUNCE', `${URI}/`), 'p')).toBe(true);
});

test('a stale answer is followed by a new nonce, which says so', () => {
  const server = new RtspServerAuth({ algorithms: ['SHA-256'] });
  const [before] = server.challenges();
  const [after] = server.challenges(true);
  const nonce = (header: string | undefined) => parseAuthHeader(header ?? '')[0]?.parameters.get('nonce');
  expect(after).toContain('stale=true');
  expect(nonce(after)).not.toBe(nonce(before));
});

test.for([
  [undefined, 'absent'],
  ['', 'malformed'],
  ['Bearer abc', 'malformed'],
  ['Basic !!!', 'malformed'],
  ['Digest username="u"', 'malformed'],
  ['Digest username="u", realm="shardcast", nonce="x", uri="rtsp://h/cam", response="0"', 'stale'],
] as const)('%j is %s', ([header, outcome]) => {
  expect(new RtspServerAuth().read(header, 'ANNOUNCE', URI)).toBe(outcome);
});

test('Basic credentials with padding and colons are read', () => {
  for (const text of ['cam:pw', 'cam:p:w', 'ca:pw1', 'c:pw12']) {
    const outcome = new RtspServerAuth().read(`Basic ${Buffer.from(text).toString('base64')}`, 'ANNOUNCE', URI);
    expect(outcome).toMatchObject({ user: text.split(':', 1)[0], password: text.slice(text.indexOf(':') + 1) });
  }
});

test('any text is a list of challenges or none, in bounded time', () => {
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseAuthHeader(text))));
  const started = performance.now();
  for (const unit of [' ', ',', 'a', '"', '\\', 'a=', 'a ', 'Digest a="', '='])
    parseAuthHeader(unit.repeat(16_384 / unit.length));
  expect(performance.now() - started).toBeLessThan(1000);
});
