import { once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { RELAY_WINDOW_BYTES } from '@shardcast/shared';
import { afterEach, expect, test } from 'vitest';
import { portConnection } from './port-connection.ts';

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function open(remote = '127.0.0.1:5000') {
  const { port1: main, port2 } = new MessageChannel();
  ports.push(main);
  const connection = portConnection(port2, remote);
  const seen: unknown[] = [];
  let resolve: () => void = () => undefined;
  const note = (what: unknown) => {
    seen.push(what);
    resolve();
  };
  main.on('message', (message) => note(message));
  connection.onBytes = (buffer, start, end) => note(buffer.toString('latin1', start, end));
  connection.onClose = (reason) => note({ closed: reason });
  const until = async (count: number) => {
    while (seen.length < count) {
      await new Promise<void>((done) => {
        resolve = done;
      });
    }
    return seen;
  };
  return { main, connection, until };
}

test('bytes come through both ways, and are acknowledged in lots once they are done with', async () => {
  const { main, connection, until } = open();
  main.postMessage({ type: 'open', local: '::ffff:127.0.0.1' });
  main.postMessage({ type: 'bytes', bytes: Buffer.from('hello') });
  const lot = Buffer.alloc(RELAY_WINDOW_BYTES / 8 - 5, 'x');
  main.postMessage({ type: 'bytes', bytes: lot });
  expect(await until(3)).toEqual(['hello', lot.toString('latin1'), { type: 'ack', bytes: lot.length + 5 }]);
  expect(connection.localAddress).toBe('127.0.0.1');
  connection.write(Buffer.from('there'));
  expect((await until(4))[3]).toMatchObject({ type: 'bytes' });
});

test('a flood is taken a read a turn of the loop: timers run in between, and nothing is lost or reordered', async () => {
  const { port1: main, port2 } = new MessageChannel();
  ports.push(main);
  const connection = portConnection(port2, '127.0.0.1:5000');
  const turns: number[] = [];
  let turn = 0;
  const count = () => {
    turn++;
    if (turns.length < 50) setImmediate(count);
  };
  const all = new Promise<void>((resolve) => {
    let next = 0;
    connection.onBytes = (buffer, start) => {
      expect(buffer[start]).toBe(next++);
      turns.push(turn);
      if (next === 50) resolve();
    };
  });
  const ended = new Promise<string>((resolve) => {
    connection.onClose = resolve;
  });
  setImmediate(count);
  for (let i = 0; i < 50; i++) main.postMessage({ type: 'bytes', bytes: Buffer.alloc(1000, i) });
  main.postMessage({ type: 'end', reason: 'gone' });
  await all;
  expect(await ended).toBe('gone');
  expect(new Set(turns).size).toBeGreaterThan(40);
});

test('the end of either side ends the other, once', async () => {
  const byPeer = open();
  byPeer.main.postMessage({ type: 'end', reason: 'gone' });
  byPeer.main.postMessage({ type: 'end', reason: 'gone again' });
  await once(byPeer.main, 'close');
  expect(await byPeer.until(1)).toEqual([{ closed: 'gone' }]);

  const byUs = open();
  byUs.connection.close();
  byUs.connection.close();
  byUs.connection.write(Buffer.from('late'));
  await once(byUs.main, 'close');
  expect(await byUs.until(1)).toEqual([{ type: 'end' }]);

  const byDeath = open();
  byDeath.main.close();
  expect(await byDeath.until(1)).toEqual([{ closed: 'the connection was lost' }]);
});

test('messages that are not ours are ignored', async () => {
  const { main, until } = open();
  for (const strange of [null, 1, 'bytes', {}, { type: 'bytes' }, { type: 'bytes', bytes: 'text' }, { type: 'open' }]) {
    main.postMessage(strange);
  }
  main.postMessage({ type: 'bytes', bytes: Buffer.from('x') });
  expect(await until(1)).toEqual(['x']);
});

test.for([
  ['127.0.0.1:5000', '127.0.0.1'],
  ['[2001:db8::1]:5000', '2001:db8::1'],
  ['::1', '::1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
] as const)('the address of %s', ([remote, address]) => {
  expect(open(remote).connection.remoteAddress).toBe(address);
});
