import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileWatch } from './file-watch.ts';

let directory: string;
let told: number;
let watch: FileWatch | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'watch-'));
  told = 0;
});
afterEach(() => {
  watch?.close();
  rmSync(directory, { recursive: true });
});

const at = (name: string) => join(directory, name);
function begin(): FileWatch {
  watch = new FileWatch(at('shardcast.yml'), () => told++);
  return watch;
}
function look(times: number): number {
  for (let i = 0; i < times; i++) watch?.look();
  return told;
}

test('a file that is written or replaced is told of once, when it has settled', () => {
  writeFileSync(at('shardcast.yml'), 'a');
  begin();
  expect(look(3)).toBe(0);
  writeFileSync(at('shardcast.yml'), 'ab');
  expect(look(1)).toBe(0);
  writeFileSync(at('shardcast.yml'), 'abc');
  expect(look(1)).toBe(0);
  expect(look(3)).toBe(1);
  writeFileSync(at('new'), 'abc');
  renameSync(at('new'), at('shardcast.yml'));
  expect(look(3)).toBe(2);
});

test('a Kubernetes config map that is swapped is told of', () => {
  for (const version of ['v1', 'v2']) {
    mkdirSync(at(version));
    writeFileSync(join(at(version), 'shardcast.yml'), version);
  }
  symlinkSync('v1', at('..data'));
  symlinkSync('..data/shardcast.yml', at('shardcast.yml'));
  begin();
  symlinkSync('v2', at('..next'));
  renameSync(at('..next'), at('..data'));
  expect(look(2)).toBe(1);
});

test('a file that is gone is waited for', () => {
  writeFileSync(at('shardcast.yml'), 'a');
  begin();
  rmSync(at('shardcast.yml'));
  expect(look(3)).toBe(0);
  writeFileSync(at('shardcast.yml'), 'b');
  expect(look(2)).toBe(1);
});
