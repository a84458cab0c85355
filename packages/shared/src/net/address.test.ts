import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';

test('reads the usual notations', () => {
  expect(parseAddress(':8889')).toEqual({ host: undefined, port: 8889 });
  expect(parseAddress('127.0.0.1:1')).toEqual({ host: '127.0.0.1', port: 1 });
  expect(parseAddress('localhost:0')).toEqual({ host: 'localhost', port: 0 });
  expect(parseAddress('[::]:65535')).toEqual({ host: '::', port: 65535 });
});

test('refuses what is none', () => {
  for (const text of ['', '8889', ':', ':65536', '::1:80', '[::g]:1', '[127.0.0.1]:1', 'a b:1', ':-1', 'host:1x'])
    expect(parseAddress(text), text).toBeUndefined();
});

test('parse undoes format', () => {
  const host = fc.oneof(fc.constant(undefined), fc.domain(), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65535 }), (host, port) => {
      expect(parseAddress(formatAddress({ host, port }))).toEqual({ host, port });
    }),
  );
});
