import { expect, test } from 'vitest';
import { Handshake } from '../../../test/session/dtls-peer.ts';
import { warmUp } from './warm-up.ts';

test('a key on P-256 is made at once, and what is made first is not made again', async () => {
  const { ours } = await Handshake.prepare();
  const spent = () => {
    const { user } = process.cpuUsage();
    expect(warmUp(ours)).toBe(true);
    return process.cpuUsage().user - user;
  };
  const first = spent();
  const later = Array.from({ length: 5 }, spent).sort((a, b) => a - b);
  expect(later[2]).toBeLessThan(first / 3);
});
