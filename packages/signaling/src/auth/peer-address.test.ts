import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { networkList } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { isForwarded, peerAddress, trustProxies } from './peer-address.ts';

const TRUSTED = networkList(['10.0.0.0/8', '2001:db8::1']);

function seen(from: string, forwardedFor: string | undefined, trusted = TRUSTED): [ip: string, isForwarded: boolean] {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: from });
  const request = new IncomingMessage(socket);
  if (forwardedFor !== undefined) request.headers['x-forwarded-for'] = forwardedFor;
  trustProxies(request, trusted);
  return [peerAddress(request), isForwarded(request)];
}

test.for<[from: string, forwardedFor: string | undefined, ip: string, isForwarded: boolean]>([
  ['203.0.113.1', undefined, '203.0.113.1', false],
  ['::ffff:203.0.113.1', undefined, '203.0.113.1', false],
  ['10.0.0.1', '203.0.113.7', '203.0.113.7', false],
  ['::ffff:10.0.0.1', '203.0.113.7:4711', '203.0.113.7', false],
  ['2001:db8::1', '[2001:db8:9::7]:4711', '2001:db8:9::7', false],
  // Two proxies of ours in a row.
  ['10.0.0.1', '203.0.113.7, 10.0.0.2', '203.0.113.7', false],
  // What the client itself wrote in front counts for nothing.
  ['10.0.0.1', '127.0.0.1, 203.0.113.7', '203.0.113.7', false],
  ['10.0.0.1', '10.0.0.9', '10.0.0.9', false],
  // Nobody whom we trust.
  ['203.0.113.1', '127.0.0.1', '203.0.113.1', true],
  ['10.0.0.1', 'unknown', '10.0.0.1', true],
  ['10.0.0.1', '203.0.113.7, unknown', '10.0.0.1', true],
  ['10.0.0.1', '', '10.0.0.1', true],
])('from %s with %s it is %s', ([from, forwardedFor, ip, forwarded]) => {
  expect(seen(from, forwardedFor)).toEqual([ip, forwarded]);
});

test.for([
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'cf-connecting-ip',
])('a proxy that says %s makes nobody local', (name) => {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' });
  const request = new IncomingMessage(socket);
  request.headers[name] = 'something';
  expect([peerAddress(request), isForwarded(request)]).toEqual(['127.0.0.1', true]);
});

test('without trusted proxies the header makes nobody local', () => {
  expect(seen('127.0.0.1', '127.0.0.1', networkList([]))).toEqual(['127.0.0.1', true]);
});
