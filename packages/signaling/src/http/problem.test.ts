import { readFileSync } from 'node:fs';
import { ERROR_CODES, ShardcastError } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { HTTP_STATUS, retryAfterSeconds, toShardcastError } from './problem.ts';

test('docs/errors.md has a row for every code, with its status and pause', () => {
  const page = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \| (?:(\d+) s)? ?\| \S/gm)].map((row) => row.slice(1));
  expect(rows).toEqual(ERROR_CODES.map((code) => [code, `${HTTP_STATUS[code]}`, retryAfterSeconds(code)?.toString()]));
});

test('what is no domain failure becomes INTERNAL and keeps its cause', () => {
  const bug = new Error('bug');
  expect(toShardcastError(bug)).toMatchObject({ code: 'INTERNAL', message: 'internal error', cause: bug });
  expect(toShardcastError('thrown').code).toBe('INTERNAL');
  expect(toShardcastError({ status: 413 }).code).toBe('BODY_TOO_LARGE');
  expect(toShardcastError({ status: 400 }).code).toBe('BAD_REQUEST');
  const own = new ShardcastError('FORBIDDEN', 'no');
  expect(toShardcastError(own)).toBe(own);
});
