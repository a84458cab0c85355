import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { redact, redactFields } from './redact.ts';

/** Each line with a planted secret, as it may come from a camera, a client or an error. */
const PLANTED: Readonly<Record<string, string>> = {
  'URL with password': 'dialling rtsp://admin:hunter2secret@192.0.2.1:554/stream failed',
  'URL with @ in the password': 'rtsp://admin:p@hunter2secret@cam/1',
  'URL with / in the password': 'rtsp://admin:a/hunter2secret@cam/1',
  'URL with a user only': 'https://hunter2secret@host/x',
  'quoted URL': '{"url":"rtsp://u:hunter2secret@h/"}',
  'bearer token': 'Authorization: Bearer hunter2secret',
  'digest header': 'Authorization: Digest username="admin", response="hunter2secret"\r\nCSeq: 2',
  'basic scheme alone': 'sent Basic hunter2secretaHVudGVyMg==',
  'digest scheme alone': 'Digest username="hunter2secret", nonce="x"',
  'ICE password': 'a=ice-ufrag:abcd\r\na=ice-pwd:hunter2secrethunter2secret\r\n',
  'query token': 'GET /cam/whep?token=hunter2secret&x=1',
  'query password': '/cam?user=me&pass=hunter2secret',
  'access token': 'access_token=hunter2secret',
  cookie: 'Cookie: sid=hunter2secret; b=c',
  'session URL': 'DELETE /live/cam/whep/hunter2secret0123456789abcdef',
  'private key': '-----BEGIN PRIVATE KEY-----\nhunter2secret\n-----END PRIVATE KEY-----',
};

describe('a planted secret does not come out', () => {
  test.each(Object.entries(PLANTED))('%s', (_name, text) => {
    expect(redact(text)).not.toContain('hunter2secret');
    const fields = { note: text, list: [{ deep: text }], err: { message: text, stack: `Error: ${text}\n at x` } };
    expect(JSON.stringify(redactFields(fields, true))).not.toContain('hunter2secret');
  });

  test('fingerprints, with and without their attribute', () => {
    const fingerprint = Array.from({ length: 32 }, (_, i) => (i + 160).toString(16).toUpperCase()).join(':');
    expect(redact(`a=fingerprint:sha-256 ${fingerprint}\r\n`)).toBe('a=fingerprint:sha-256 ***\r\n');
    expect(redact(`got ${fingerprint}.`)).toBe('got ***.');
  });

  test('fields that are secret by name', () => {
    const secret = 'hunter2secret';
    const fields = {
      password: secret,
      Authorization: secret,
      ice_pwd: secret,
      'ice-pwd': secret,
      keyPem: secret,
      token: [secret],
      offer: secret,
    };
    expect(JSON.stringify(redactFields(fields, true))).not.toContain(secret);
  });

  test('any password of a URL', () => {
    const password = fc.stringMatching(/^[!#$%&()*+,./0-9:;=?@A-Z[\]^_`a-z{|}~-]{6,20}$/);
    fc.assert(fc.property(password, (secret) => !redact(`pull rtsp://u:${secret}@host/x ok`).includes(secret)));
  });
});

test('what is no secret stays', () => {
  for (const text of [
    'rtsp://192.0.2.1:554/stream',
    'listening on http://localhost:8889/demo/',
    'worker 1 up at 12:34:56, basic checks done',
    'path live/cam/whep has 3 viewers',
  ])
    expect(redact(text)).toBe(text);
});

test('redaction is done once: again changes nothing', () => {
  for (const text of Object.values(PLANTED)) expect(redact(redact(text))).toBe(redact(text));
});

test('hostile text costs linear time', () => {
  for (const piece of ['a://', ':@', 'token=', 'a://b:', 'eyJ', '00:', '-----BEGIN PRIVATE KEY-----']) {
    const startedAt = performance.now();
    redact(piece.repeat(8_000));
    expect(performance.now() - startedAt, piece).toBeLessThan(1_000);
  }
});

describe('a log line', () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger('debug', { destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const last = () => lines.at(-1);

  test('is JSON with a time, a level in words and the message', () => {
    log.warn({ code: 'WORKER_LOST', worker: 1 }, 'worker lost');
    expect(last()).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      code: 'WORKER_LOST',
      worker: 1,
      msg: 'worker lost',
    });
  });

  test('is redacted whole: message, fields, bindings, errors and their causes', () => {
    const secret = 'rtsp://u:hunter2secret@h/';
    const child = log.child({ url: secret });
    child.error({ err: new Error(secret, { cause: new Error(secret) }), nested: { a: [secret] } }, `failed: ${secret}`);
    expect(JSON.stringify(last())).not.toContain('hunter2secret');
    expect(last()).toMatchObject({ url: 'rtsp://***@h/', msg: 'failed: rtsp://***@h/' });
  });

  test('has clients’ addresses only at debug', () => {
    log.info({ remoteAddr: '192.0.2.1' }, 'x');
    expect(last()).toMatchObject({ remoteAddr: '***' });
    log.debug({ remoteAddr: '192.0.2.1' }, 'x');
    expect(last()).toMatchObject({ remoteAddr: '192.0.2.1' });
  });

  test('has the beginning of a session’s secret only', () => {
    log.info({ session: '0123456789abcdef0123456789abcdef' }, 'x');
    expect(last()).toMatchObject({ session: '01234567…' });
  });

  test('is not written below the level', () => {
    const before = lines.length;
    log.trace('x');
    expect(lines).toHaveLength(before);
  });
});
