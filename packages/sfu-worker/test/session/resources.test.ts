import { setTimeout as passes } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { TestClient } from './test-client.ts';
import { TestSfu } from './test-sfu.ts';

// A file, and so a process, of its own: what other tests leave running would be counted too.

const SESSIONS = 10;

/** Sockets and timers of the process. */
function handles(): { sockets: number; timers: number } {
  const names = process.getActiveResourcesInfo();
  const count = (wanted: string) => names.filter((name) => name === wanted).length;
  return { sockets: count('UDPWrap'), timers: count('Timeout') };
}

/** Looks until there are so many sockets and at most so many timers; between looks no timer of this function runs. */
async function settled(expected: { sockets: number; timers: number }): Promise<{ sockets: number; timers: number }> {
  for (let tries = 0; tries < 100; tries++) {
    const now = handles();
    if (now.sockets === expected.sockets && now.timers <= expected.timers) return expected;
    await passes(100);
  }
  return handles();
}

test(`${SESSIONS} connected sessions hold nothing but the one socket, and nothing is left when it closes`, async () => {
  const before = handles();
  const sfu = await TestSfu.open();
  const publisher = new TestClient('sendonly');
  const clients = [publisher];
  await publisher.connect(sfu.publish('publisher', await publisher.offer()).answer);
  publisher.send('first');
  await vi.waitFor(() => expect(sfu.stream.isOnline).toBe(true));
  for (let n = 1; n < SESSIONS; n++) {
    const viewer = new TestClient('recvonly');
    clients.push(viewer);
    await viewer.connect(sfu.subscribe(`viewer ${n}`, await viewer.offer()).answer);
  }
  await Promise.all(clients.map((client) => client.close()));
  expect([...sfu.sessions].map(({ peer }) => peer.state)).toEqual(Array(SESSIONS).fill('connected'));
  // Timers of the handshakes in werift run out by themselves within a second or two.
  const withSessions = { ...before, sockets: before.sockets + 1 };
  expect(await settled(withSessions)).toEqual(withSessions);
  sfu.close();
  expect(await settled(before)).toEqual(before);
});
