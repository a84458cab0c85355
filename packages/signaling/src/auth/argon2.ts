import { createHash } from 'node:crypto';
import { ShardcastError } from '@shardcast/shared';
import type { Argon2Verify } from './password.ts';

/** Verifications at once, each on a thread of the pool with as much memory as its hash says. */
const AT_ONCE = 2;
const MAX_WAITING = 64;
/** Players ask several times a session; what was right a moment ago need not be computed again. */
const REMEMBER_MS = 60_000;
const MAX_REMEMBERED = 1024;

/**
 * Argon2 with bounded work: more than so many that wait are turned away, and what was right is remembered for a minute,
 * by a hash of both. @throws ShardcastError AUTH_UNAVAILABLE
 */
export function boundedArgon2(verify: Argon2Verify, clock: () => number): Argon2Verify {
  const right = new Map<string, number>();
  const waiting: (() => void)[] = [];
  let running = 0;

  async function turn(): Promise<void> {
    if (running < AT_ONCE) {
      running++;
      return;
    }
    if (waiting.length >= MAX_WAITING) throw new ShardcastError('AUTH_UNAVAILABLE', 'too many log in at once');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  return async (hash, password) => {
    const key = createHash('sha256').update(hash).update('\0').update(password).digest('base64');
    if ((right.get(key) ?? Number.NEGATIVE_INFINITY) > clock()) return true;
    await turn();
    try {
      const isRight = await verify(hash, password);
      if (isRight) {
        right.delete(key);
        if (right.size >= MAX_REMEMBERED) right.delete(right.keys().next().value ?? '');
        right.set(key, clock() + REMEMBER_MS);
      }
      return isRight;
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}

/** The library's, loaded when there is a hash to verify. @throws ShardcastError CONFIG_INVALID where it has no binary */
export async function loadArgon2(): Promise<Argon2Verify> {
  try {
    const { verify } = await import('@node-rs/argon2');
    return (hash, password) => verify(hash, password);
  } catch (cause) {
    throw new ShardcastError('CONFIG_INVALID', 'argon2 hashes cannot be verified on this platform: use sha256', {
      cause,
    });
  }
}
