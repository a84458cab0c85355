import { connect } from 'node:net';
import { pino } from 'pino';
import { expect } from 'vitest';
import { type AppOptions, createApp } from '../src/http/app.ts';
import { type HttpDoor, listenHttp } from '../src/http/server.ts';
import { authorise } from './default-authorise.ts';
import { FakeMedia, shardView } from './fake-media.ts';

/** The app of `webrtcAddress` on a loopback port, over a FakeMedia. */
export type TestApp = {
  readonly media: FakeMedia;
  readonly door: HttpDoor;
  readonly base: string;
  /** Codes that were counted as rejected. */
  readonly rejected: string[];
  close(): Promise<void>;
};

export async function startApp(options: Partial<AppOptions> = {}): Promise<TestApp> {
  const media = new FakeMedia();
  const rejected: string[] = [];
  const app = createApp({
    media,
    config: { webrtcAllowOrigins: ['*'], webrtcTrustedProxies: [] },
    authorise,
    scripts: new Map([['reader.js', Buffer.from('export {};')]]),
    log: pino({ level: 'silent' }),
    shards: () => [shardView(0)],
    state: () => 'ready',
    rejections: { count: (reason) => rejected.push(reason) },
    ...options,
  });
  const door = await listenHttp(app, { host: '127.0.0.1', port: 0 }, { error() {} });
  return { media, door, rejected, base: `http://127.0.0.1:${door.port}`, close: () => door.close(0) };
}

/** The problem details of a refusal, which say nothing of our insides. */
export async function problemOf(response: Response): Promise<unknown> {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  const problem: unknown = await response.json();
  expect(problem).toMatchObject({ status: response.status, title: expect.any(String), detail: expect.any(String) });
  expect(JSON.stringify(problem)).not.toMatch(/\.ts\b|node_modules|\bat \//);
  return problem;
}

/** What comes back for bytes that fetch would not send. */
export async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes, 'latin1');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}
