import { expect, test } from 'vitest';
import { Progress } from './progress.ts';

function screen(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { written, isTTY, columns, write: (text: string) => written.push(text) };
}

test('a terminal gets one line that is written again, and never wider than it is', () => {
  const terminal = screen(true, 40);
  const progress = new Progress(terminal, false);
  progress.show('joining', 0.5, '5 of 10');
  progress.show('joining', 2, 'x'.repeat(100));
  progress.clear();
  expect(terminal.written[0]).toBe('\r\u001b[Kjoining [###########----------] 5 of 10');
  expect(terminal.written[1]).toHaveLength('\r\u001b[K'.length + 39);
  expect(terminal.written.at(-1)).toBe('\r\u001b[K');
  expect(terminal.written.join('')).not.toContain('\n');
});

test('elsewhere a phase begins with a line, goes on with one in five seconds and ends with one', () => {
  const log = screen(false);
  let now = 0;
  const progress = new Progress(log, false, () => now);
  for (; now <= 7000; now += 1000) progress.show('64x1', now / 7000, `${now}`);
  progress.clear();
  expect(log.written).toEqual(['64x1: 0\n', '64x1: 5000\n', '64x1: 7000\n']);
});

test('quiet is quiet', () => {
  const terminal = screen(true);
  const progress = new Progress(terminal, true);
  progress.show('x', 0, 'y');
  progress.clear();
  expect(terminal.written).toEqual([]);
});
