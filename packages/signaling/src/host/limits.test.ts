import { expect, test } from 'vitest';
import { hostLimits, openDescriptors } from './limits.ts';

const files = (given: Readonly<Record<string, string>>) => (file: string) => {
  const text = given[file];
  if (text === undefined) throw new Error('ENOENT');
  return text;
};

test('a cgroup with less than the machine has is the limit, fractions of a processor too', () => {
  const limits = hostLimits(
    files({
      '/sys/fs/cgroup/cpu.max': '50000 100000\n',
      '/sys/fs/cgroup/memory.max': '268435456\n',
      '/proc/self/limits':
        'Limit  Soft  Hard  Units\nMax open files            1024                 4096                 files\n',
    }),
  );
  expect(limits).toEqual({ cores: 0.5, memoryBytes: 268_435_456, fileDescriptors: 1024 });
});

test('a cgroup without limits, or none, leaves what the machine has', () => {
  const none = hostLimits(files({}));
  expect(none.memoryBytes).toBeGreaterThan(2 ** 26);
  expect(none.fileDescriptors).toBeUndefined();
  expect(hostLimits(files({ '/sys/fs/cgroup/cpu.max': 'max 100000', '/sys/fs/cgroup/memory.max': 'max' }))).toEqual(
    none,
  );
  // Version 1 says none by a number near 2^63.
  const first = hostLimits(files({ '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712' }));
  expect(first.memoryBytes).toBe(none.memoryBytes);
});

test('open descriptors are counted where the system lists them', () => {
  const count = openDescriptors();
  if (process.platform === 'linux') expect(count).toBeGreaterThan(2);
  else expect(count).toBeUndefined();
});
