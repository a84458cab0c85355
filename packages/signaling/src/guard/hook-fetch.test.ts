import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hookFetch } from './hook-fetch.ts';

let server: Server;
let port: number;
let handle: (req: IncomingMessage, res: ServerResponse) => void;
let connections: number;

beforeEach(async () => {
  connections = 0;
  server = createServer((req, res) => handle(req, res));
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port; // a TCP server has one
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('a hook on this host is asked, and its answer read', async () => {
  const seen: unknown[] = [];
  handle = (req, res) => {
    req.on('data', (part: Buffer) => seen.push([req.method, req.headers['content-type'], String(part)]));
    req.on('end', () => res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"a":1}'));
  };
  const headers = { 'Content-Type': 'application/json' };
  for (const host of ['127.0.0.1', 'localhost', '0x7f.1']) {
    const answer = await hookFetch(`http://${host}:${port}/x`, { method: 'POST', headers, body: 'ä' });
    expect([answer.status, await answer.json()]).toEqual([200, { a: 1 }]);
  }
  expect(seen).toEqual(Array(3).fill(['POST', 'application/json', 'ä']));
  handle = (_req, res) => res.writeHead(204).end();
  expect((await hookFetch(`http://127.0.0.1:${port}/`, {})).ok).toBe(true);
});

// Threat 18.
test('SSRF: where clouds keep secrets no hook is asked, however the address is spelt', async () => {
  for (const host of [
    '169.254.169.254',
    '0xa9fea9fe',
    '2852039166',
    '0251.0376.0251.0376',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '0.0.0.0',
    '0',
    '[::]',
    '224.0.0.1',
    '100.100.100.200',
  ])
    await expect(hookFetch(`http://${host}:${port}/`, {}), host).rejects.toThrow('none that a hook may be at');
  expect(connections).toBe(0);
});

test('SSRF: a name is judged by the address that is connected to', async () => {
  const asked: string[] = [];
  const allows = (address: string) => asked.push(address) < 0;
  await expect(hookFetch(`http://localhost:${port}/`, {}, allows)).rejects.toThrow('none that a hook may be at');
  expect([asked.includes('127.0.0.1') || asked.includes('::1'), connections]).toEqual([true, 0]);
});

test('redirects are not followed, endless answers are not read, and silence is given up', async () => {
  handle = (_req, res) => res.writeHead(302, { Location: 'http://169.254.169.254/' }).end();
  expect((await hookFetch(`http://127.0.0.1:${port}/`, {})).status).toBe(302);
  handle = (_req, res) => void res.end(Buffer.alloc(1024 * 1024 + 1));
  await expect(hookFetch(`http://127.0.0.1:${port}/`, {})).rejects.toThrow('too long');
  handle = () => {};
  const signal = AbortSignal.timeout(20);
  await expect(hookFetch(`http://127.0.0.1:${port}/`, { signal })).rejects.toThrow();
});
