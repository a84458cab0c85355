import { describe, expect, test } from 'vitest';
import { CHUNK_BYTES, ChunkPool } from './chunk-pool.ts';
import { KeyframeCache } from './keyframe-cache.ts';
import { PACKET, PacketBatch } from './packet-batch.ts';

const MAX_AGE_MS = 10_000;

/** Appends frames of one packet each; a capital K begins with a keyframe. */
class Source {
  readonly #batch = new PacketBatch(1);
  #index = 0;
  send(cache: KeyframeCache, frame: 'K' | 'p', bytes: number, nowMs = 0): void {
    const batch = this.#batch;
    batch.clear();
    const index = this.#index++;
    const flags = PACKET.MARKER | (frame === 'K' ? PACKET.KEYFRAME_START : 0);
    batch.add(Buffer.alloc(bytes, index & 0xff), 0, bytes, index, index * 3000, flags);
    cache.append(batch, nowMs);
  }
}

function indexes(cache: KeyframeCache): number[] {
  const batch = new PacketBatch(64);
  const seen: number[] = [];
  for (let at = 0; at < cache.packets; ) {
    batch.clear();
    at = cache.read(at, batch, 1 << 20);
    seen.push(...batch.index.subarray(0, batch.count));
  }
  return seen;
}

describe('a keyframe cache', () => {
  test('holds the newest keyframe and all since, and begins again with the next', () => {
    const cache = new KeyframeCache({ maxBytes: 1 << 20, maxAgeMs: MAX_AGE_MS }, new ChunkPool());
    const source = new Source();
    for (const frame of 'ppKppKpp') source.send(cache, frame as 'K' | 'p', 100);
    expect(indexes(cache)).toEqual([5, 6, 7]);
  });

  test('of tiny packets takes little more memory than its limit, and keeps the keyframe', () => {
    const maxBytes = 2 * 1024 * 1024;
    const cache = new KeyframeCache({ maxBytes, maxAgeMs: MAX_AGE_MS }, new ChunkPool());
    const source = new Source();
    source.send(cache, 'K', 1000);
    let mostBytes = 0;
    let mostPackets = 0;
    for (let n = 0; n < 300_000; n++) {
      source.send(cache, 'p', 2);
      mostBytes = Math.max(mostBytes, cache.heldBytes);
      mostPackets = Math.max(mostPackets, cache.packets);
    }
    expect(mostPackets).toBe(4096);
    expect(mostBytes).toBeLessThan(maxBytes / 8);
    expect(cache.isKeyframeOnly).toBe(true);
    expect(indexes(cache)).toEqual([0]);
    source.send(cache, 'K', 1000);
    expect(cache.isKeyframeOnly).toBe(false);
  });
});

describe('caches that share a pool', () => {
  test('hold no more than its budget; who comes too late keeps its keyframe, or nothing', () => {
    const pool = new ChunkPool(4 * CHUNK_BYTES);
    const limits = { maxBytes: 1 << 20, maxAgeMs: MAX_AGE_MS };
    const caches = Array.from({ length: 5 }, () => ({ cache: new KeyframeCache(limits, pool), source: new Source() }));
    const [first, second, third] = caches as [(typeof caches)[0], (typeof caches)[0], (typeof caches)[0]];
    for (const frame of 'Kpp') first.source.send(first.cache, frame as 'K' | 'p', CHUNK_BYTES);
    for (const frame of 'Kpp') second.source.send(second.cache, frame as 'K' | 'p', CHUNK_BYTES);
    expect([indexes(first.cache), indexes(second.cache)]).toEqual([[0, 1, 2], [0]]);
    expect(second.cache.isKeyframeOnly).toBe(true);
    third.source.send(third.cache, 'K', 10);
    expect(third.cache.isReady).toBe(false);
    expect(pool.takeRefused()).toBe(2);
    expect(pool.takeRefused()).toBe(0);
    third.source.send(third.cache, 'p', 10); // of a group that is not cached: nothing more is asked for
    expect(pool.takeRefused()).toBe(0);

    first.cache.clear();
    third.source.send(third.cache, 'K', 10);
    third.source.send(third.cache, 'p', 10);
    expect(indexes(third.cache)).toEqual([2, 3]);
  });
});
