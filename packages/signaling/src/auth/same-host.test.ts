import { expect, test } from 'vitest';
import { isFromThisHost, isItsOwn } from './same-host.ts';

const seen = (host: string | undefined, origin?: string, isForwarded = false, ip = '127.0.0.1') => ({
  ip,
  http: { host, origin, isForwarded },
});

test('this host is who says so by its address, its name and its page', () => {
  for (const host of ['127.0.0.1:9997', 'localhost:9997', '[::1]:9997', undefined])
    expect(isFromThisHost(seen(host)), host).toBe(true);
  expect(isFromThisHost(seen('localhost:9997', 'http://localhost:3000'))).toBe(true);
  expect(isFromThisHost(seen('localhost', undefined, false, '192.0.2.1'))).toBe(false);
});

test('a page from elsewhere, a borrowed name and a proxy are not', () => {
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example'])
    expect(isItsOwn(seen('localhost:9997', origin)), origin).toBe(false);
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example'])
    expect(isItsOwn(seen(host)), host).toBe(false);
  expect(isItsOwn(seen('localhost', undefined, true))).toBe(false);
});
