import { expect, test } from 'vitest';
import { UdpPairs } from './udp-pairs.ts';

const handler = { rtp() {}, rtcp() {}, flush() {} };
const options = { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1', handler };

test('no more pairs than the limit are open, those about to open included, and closing one makes room', async () => {
  const pairs = new UdpPairs(2);
  const opened = await Promise.all([pairs.open(options), pairs.open(options), pairs.open(options)]);
  expect(opened.map((pair) => pair !== undefined)).toEqual([true, true, false]);
  opened[0]?.close();
  opened[0]?.close();
  expect(pairs.used).toBe(1);
  const next = await pairs.open(options);
  expect(next).toBeDefined();
  next?.close();
  opened[1]?.close();
  expect(pairs.used).toBe(0);
});

test('a pair that could not be opened is not counted', async () => {
  const pairs = new UdpPairs();
  // TEST-NET-1 (RFC 5737): no interface here has this address.
  expect(await pairs.open({ ...options, localAddress: '192.0.2.1' })).toBeUndefined();
  expect(pairs.used).toBe(0);
});
