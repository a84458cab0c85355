import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authorise } from '../../test/default-authorise.ts';
import { type HttpDoor, listenHttp } from '../http/server.ts';
import { createProfilesApp } from './app.ts';

let door: HttpDoor;
let asked: unknown[][];
let left: () => void;
const goes = () =>
  new Promise<void>((resolve) => {
    left = resolve;
  });

beforeEach(async () => {
  asked = [];
  const profiler = {
    async cpu(thread: string | undefined, seconds: number, signal: AbortSignal) {
      asked.push(['cpu', thread, seconds]);
      if (seconds === 300) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (seconds === 300) left();
      return signal.aborted ? undefined : Buffer.from('profile');
    },
    async heap(thread: string | undefined) {
      asked.push(['heap', thread]);
      return Buffer.from('heap');
    },
    inspect: async () => [{ thread: 'main' }],
  };
  const app = createProfilesApp({ profiler, authorise, log: pino({ level: 'silent' }) });
  door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
});
afterEach(() => door.close(0));

const call = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${door.port}/debug/pprof${path}`, init);

test('profiles are files, of 30 seconds and all threads unless asked otherwise', async () => {
  const response = await call('/profile');
  expect(await response.text()).toBe('profile');
  expect(response.headers.get('Content-Disposition')).toBe('attachment; filename="cpu.prof"');
  await call('/profile?seconds=5&worker=2');
  await call('/heap?worker=main');
  expect(asked).toEqual([
    ['cpu', undefined, 30],
    ['cpu', 'worker-2', 5],
    ['heap', 'main'],
  ]);
});

test('what cannot be meant is refused', async () => {
  for (const path of [
    '/profile?seconds=0',
    '/profile?seconds=301',
    '/profile?seconds=x',
    '/profile?seconds=1&seconds=2',
    '/heap?worker=-1',
    '/heap?worker=../x',
  ])
    expect((await call(path)).status, path).toBe(400);
  expect(asked).toEqual([]);
});

test('the index links to what there is, and loads nothing', async () => {
  const response = await call('');
  expect(response.url).toMatch(/\/debug\/pprof\/$/);
  expect(response.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
  const links = [...(await response.text()).matchAll(/href="(\w[^"]*)"/g)].map(([, href]) => href ?? '');
  for (const href of links.filter((each) => !each.startsWith('data:')))
    expect((await call(`/${href}`)).status).toBe(200);
  expect(await (await call('/workers')).json()).toEqual({ items: [{ thread: 'main' }] });
});

test('a client that leaves is heard', async () => {
  const gone = new AbortController();
  const ended = goes();
  const request = call('/profile?seconds=300', { signal: gone.signal }).catch(() => undefined);
  await expect.poll(() => asked.length).toBe(1);
  gone.abort();
  await Promise.all([ended, request]);
});
