import { STREAM, Telemetry } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { FakeMedia, pathInfo, shardView } from '../../test/fake-media.ts';
import { testMonitoring } from '../../test/test-observer.ts';
import { mediaMtxMetrics } from './mediamtx-format.ts';
import { createMetrics } from './metrics.ts';
import { shownStreams } from './shown-streams.ts';

/** Streams 0 to `count` - 1 over two workers; stream n has sent n bytes. */
function make(count: number, name = (n: number) => `cam${n}`) {
  const shards = [shardView(0), shardView(1)];
  const media = new FakeMedia();
  media.infos = Array.from({ length: count }, (_, n) => {
    const [worker, slot] = [n % 2, Math.floor(n / 2)];
    const counters = shards[worker]?.telemetry.counters ?? [];
    counters[Telemetry.streamBase(slot) + STREAM.outboundBytes] = n;
    return pathInfo(name(n), { worker, slot, online: n % 3 !== 0 });
  });
  const show = (limit: number) =>
    shownStreams(media, shards, limit).map(({ worker, path, read }) => [worker, path, read('outboundBytes')]);
  return { shards, media, show };
}

test('up to the limit every path has a label', () => {
  expect(make(3).show(3)).toEqual([
    [0, 'cam0', 0],
    [1, 'cam1', 1],
    [0, 'cam2', 2],
  ]);
});

test('above it those of the most bytes have one, and the rest of each worker is summed', () => {
  expect(make(7).show(2)).toEqual([
    [0, 'cam6', 6],
    [1, 'cam5', 5],
    [0, 'other', 0 + 2 + 4],
    [1, 'other', 1 + 3],
  ]);
});

test('a path by the name of the rest is part of the rest', () => {
  expect(make(3, (n) => (n === 2 ? 'other' : `cam${n}`)).show(1)).toEqual([
    [1, 'cam1', 1],
    [0, 'other', 2],
  ]);
});

test('no series is there twice, and nothing is lost, however many paths strangers make', async () => {
  const { media, shards } = make(4000);
  const { bytes } = createMetrics({ shards: () => shards, media, ...testMonitoring(media, () => shards) });
  const lines = (await bytes())
    .toString()
    .split('\n')
    .filter((line) => /^shardcast_stream_outbound_bytes/.test(line));
  expect(lines).toHaveLength(1002);
  expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(1002);
  const sum = lines.reduce((total, line) => total + Number(line.split(' ')[1]), 0);
  expect(sum).toBe((3999 * 4000) / 2);
});

test('MediaMTX’s names have the same bound', () => {
  const { media, shards } = make(7);
  const text = mediaMtxMetrics({ shards: () => shards, media }, 2);
  const lines = text.split('\n').filter((line) => line.startsWith('paths{'));
  expect(lines).toEqual([
    'paths{name="cam6",state="notReady"} 1',
    'paths{name="cam5",state="ready"} 1',
    'paths{name="other",state="ready"} 3',
    'paths{name="other",state="notReady"} 2',
  ]);
  expect(text).toContain('paths_bytes_sent{name="other",state="ready"} 7\n');
});
