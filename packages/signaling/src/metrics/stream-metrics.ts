import type { StreamField } from '@shardcast/shared';
import type { Observer, StreamStats } from '../monitor/observer.ts';
import type { Media, ShardView } from '../paths/media.ts';
import { type Exposition, labelText, type MetricType } from './exposition.ts';
import { type ShownStream, shownStreams } from './shown-streams.ts';

/** Counters and gauges as the workers write them, and their sum for the rest. */
const FIELDS: readonly (readonly [MetricType, string, string, StreamField])[] = [
  ['gauge', 'readers', 'Viewers of the stream.', 'readers'],
  ['counter', 'inbound_packets_total', 'RTP packets from the source.', 'inboundPackets'],
  ['counter', 'inbound_bytes_total', 'Bytes of RTP from the source.', 'inboundBytes'],
  ['counter', 'inbound_lost_total', 'RTP packets that the source sent and that did not come.', 'inboundLost'],
  ['counter', 'outbound_packets_total', 'RTP packets to viewers.', 'outboundPackets'],
  ['counter', 'outbound_bytes_total', 'Bytes of RTP to viewers.', 'outboundBytes'],
  ['counter', 'cpu_seconds_total', 'CPU time spent on the stream, its share of the worker.', 'cpuSeconds'],
  ['counter', 'keyframes_total', 'Keyframes from the source.', 'keyframes'],
  ['gauge', 'keyframe_cache_bytes', 'Kept for new viewers.', 'cacheBytes'],
];
/** What the observer makes of them; of streams with a label of their own alone, for a sum says nothing. */
const STATS: readonly (readonly [string, string, keyof StreamStats])[] = [
  ['viewer_cpu_cores', 'CPU of one of its viewers over the last ten seconds, cores.', 'cpuCoresPerViewer'],
  ['memory_bytes', "Its share of the worker's memory, its viewers' included.", 'memoryBytes'],
  ['viewer_memory_bytes', 'Of that, one of its viewers.', 'memoryBytesPerViewer'],
  ['keyframe_age_seconds', 'Since a keyframe came, to a second.', 'secondsSinceKeyframe'],
];

export type StreamMetricsOptions = {
  readonly shards: () => readonly ShardView[];
  readonly media: Pick<Media, 'paths'>;
  readonly observer: Pick<Observer, 'stream'>;
  readonly maxPathLabels: number;
};

type Labelled = { readonly labels: string; readonly stream: ShownStream; readonly stats: StreamStats | undefined };

/** `shardcast_stream_…` */
export function addStreamMetrics(
  exposition: Exposition,
  { shards, media, observer, maxPathLabels }: StreamMetricsOptions,
): void {
  // All metrics are read in one turn: they show the same streams, chosen once.
  let shown: readonly Labelled[] | undefined;
  const streams = (): readonly Labelled[] => {
    if (shown !== undefined) return shown;
    shown = shownStreams(media, shards(), maxPathLabels).map((stream) => ({
      labels: labelText({ worker: stream.worker, path: stream.path }),
      stream,
      stats: stream.info === undefined ? undefined : observer.stream(stream.info),
    }));
    queueMicrotask(() => {
      shown = undefined;
    });
    return shown;
  };
  exposition.add(
    'gauge',
    'shardcast_stream_up',
    '1 while a stream has a source, 0 while it waits for one.',
    (write) => {
      for (const { labels, stream } of streams())
        if (stream.info !== undefined) write(labels, stream.info.online ? 1 : 0);
    },
  );
  for (const [type, name, help, field] of FIELDS) {
    exposition.add(type, `shardcast_stream_${name}`, help, (write) => {
      for (const { labels, stream } of streams()) write(labels, stream.read(field));
    });
  }
  for (const [name, help, field] of STATS) {
    exposition.add('gauge', `shardcast_stream_${name}`, help, (write) => {
      for (const { labels, stats } of streams()) if (stats !== undefined) write(labels, short(stats[field]));
    });
  }
}

/** Seven digits: what is estimated is not known better, and a short number is quick to write. */
function short(value: number): number {
  if (value >= 1000) return Math.round(value);
  return Math.round(value * 1e7) / 1e7;
}
