import { expect, test } from 'vitest';
import { makeCertificate } from './certificate.ts';
import type { DtlsEngine } from './secure-channel.ts';
import { warmUp } from './warm-up.ts';
import { WeriftChannel } from './werift-channel.ts';

test('a key on P-256 is made at once, and what is made first is not made again', async () => {
  const certificate = await makeCertificate();
  const engine: DtlsEngine = { name: 'werift', open: (options) => new WeriftChannel(certificate, options) };
  const spent = () => {
    const { user } = process.cpuUsage();
    expect(warmUp(engine)).toBe(true);
    return process.cpuUsage().user - user;
  };
  const first = spent();
  const later = Array.from({ length: 5 }, spent).sort((a, b) => a - b);
  expect(later[2]).toBeLessThan(first / 3);
});
