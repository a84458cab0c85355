import { expect, test } from 'vitest';
import { linkBitrate } from './link-speed.ts';

const ROUTES = 'Iface\tDestination\tGateway\neth1\t0000A8C0\t00000000\neth0\t00000000\t0100A8C0\n';
const read = (speed: string) => (file: string) => {
  if (file === '/proc/net/route') return ROUTES;
  if (file === '/sys/class/net/eth0/speed') return speed;
  throw new Error(`ENOENT ${file}`);
};

test('the speed is that of the interface that the default route goes by', () => {
  expect(linkBitrate(read('10000\n'))).toBe(10e9);
});

test('what the system does not know is not made up', () => {
  expect(linkBitrate(read('-1\n'))).toBeUndefined();
  expect(
    linkBitrate(() => {
      throw new Error('ENOENT');
    }),
  ).toBeUndefined();
});
