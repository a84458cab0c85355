import { expect, test } from 'vitest';
import { clientKey } from './client-key.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:5000', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['[::ffff:192.0.2.1]:5000', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8:0:0:ffff::1', '2001:db8:0:0::/64'],
  ['[2001:db8::1]:5000', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s is counted as %s', (remoteAddr, key) => {
  expect(clientKey(remoteAddr)).toBe(key);
});

test.each(['127.0.0.1', '127.1.2.3:4', '::1', '[::1]:5000', '::ffff:127.0.0.1', '', 'somewhere'])(
  '%j is not counted',
  (remoteAddr) => {
    expect(clientKey(remoteAddr)).toBeUndefined();
  },
);
