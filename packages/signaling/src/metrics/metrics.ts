import type { ShardcastErrorCode, StreamField } from '@shardcast/shared';
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { Rejections } from '../http/problem.ts';
import type { Media, ShardView } from '../paths/media.ts';
import { MAX_PATH_LABELS, type ShownStream, shownStreams } from './shown-streams.ts';
import {
  addMetric,
  addWorkerFields,
  addWorkerHistogram,
  addWorkerMetric,
  type MetricType,
} from './telemetry-metrics.ts';

export type MetricsOptions = {
  readonly shards: () => readonly ShardView[];
  readonly media: Pick<Media, 'paths'>;
  /** Paths with a label of their own. */
  readonly maxPathLabels?: number;
};

export type Metrics = {
  readonly registry: Registry;
  readonly rejections: Rejections;
};

/**
 * Everything `/metrics` shows. Workers are not asked at a scrape: their counters are read where they lie, so a busy
 * worker cannot delay it. Labels are bounded: worker, the paths of the most
 * outbound bytes with `other` for the rest, and fixed words.
 */
export function createMetrics({ shards, media, maxPathLabels = MAX_PATH_LABELS }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addWorkerMetrics(registry, shards);
  addStreamMetrics(registry, () => shownStreams(media, shards(), maxPathLabels));
  const rejected = new Counter({
    name: 'shardcast_admission_rejected_total',
    help: 'Requests refused for want of room or of a worker, by error code.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return { registry, rejections: { count: (reason: ShardcastErrorCode) => rejected.inc({ reason }) } };
}

function addWorkerMetrics(registry: Registry, shards: () => readonly ShardView[]): void {
  type Read = (shard: ShardView) => number;
  const add = (type: 'counter' | 'gauge', name: string, help: string, read: Read) =>
    addWorkerMetric(registry, shards, type, `shardcast_worker_${name}`, help, read);

  add('gauge', 'up', '1 while the worker serves.', (shard) => (shard.state === 'up' ? 1 : 0));
  add('counter', 'restarts_total', 'Times the worker was replaced.', (shard) => shard.restarts);
  add('counter', 'cpu_seconds_total', 'CPU time of the worker thread.', ({ telemetry }) =>
    telemetry.worker('cpuSeconds'),
  );
  add('gauge', 'event_loop_utilization_ratio', 'Busy share of the event loop over the last second, 0 to 1.', (shard) =>
    shard.eventLoopUtilization(),
  );
  add('gauge', 'event_loop_lag_seconds', 'Delay of the event loop, 99th percentile.', ({ telemetry }) =>
    telemetry.worker('eventLoopLagSeconds'),
  );
  add('gauge', 'heap_bytes', 'JavaScript heap in use.', ({ telemetry }) => telemetry.worker('heapBytes'));
  add('gauge', 'external_bytes', 'Memory outside of the heap: buffers.', ({ telemetry }) =>
    telemetry.worker('externalBytes'),
  );
  add('gauge', 'active_resources', 'Handles and timers that are open.', ({ telemetry }) =>
    telemetry.worker('activeResources'),
  );
  add('gauge', 'sessions', 'Sessions of publishers and viewers.', ({ telemetry }) => telemetry.worker('sessions'));
  add(
    'gauge',
    'turns_waiting',
    'Offers and handshake datagrams that wait for a turn of the event loop.',
    ({ telemetry }) => telemetry.worker('turnsWaiting'),
  );
  add('gauge', 'streams', 'Streams that the worker owns.', ({ telemetry }) => telemetry.worker('streams'));

  const fields = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    label: string,
    of: Parameters<typeof addWorkerFields>[6],
  ) => addWorkerFields(registry, shards, type, `shardcast_${name}`, help, label, of);
  fields('gauge', 'pool_slots', 'Packet slots of the buffer pool.', 'state', {
    free: 'poolSlotsFree',
    used: 'poolSlotsUsed',
  });
  fields('counter', 'rtcp_packets_total', 'RTCP packets.', 'direction', { in: 'rtcpReceived', out: 'rtcpSent' });
  fields('counter', 'datagrams_total', 'Datagrams on the media port.', 'direction', {
    in: 'datagramsIn',
    out: 'datagramsOut',
  });
  fields(
    'counter',
    'keyframe_requests_total',
    'Requests for a keyframe: in from viewers, out to publishers.',
    'direction',
    {
      in: 'pliReceived',
      out: 'pliSent',
    },
  );
  fields('counter', 'srtp_rejected_total', 'SRTP and SRTCP packets that were not accepted.', 'reason', {
    auth: 'srtpRejectedAuth',
    replay: 'srtpRejectedReplay',
    malformed: 'srtpRejectedMalformed',
  });
  fields('counter', 'stun_rejected_total', 'STUN requests that were not answered.', 'reason', {
    malformed: 'stunRejectedMalformed',
    'unknown-ufrag': 'stunRejectedUnknownUfrag',
    integrity: 'stunRejectedIntegrity',
    rate: 'stunRejectedRate',
  });
  fields('counter', 'packets_dropped_total', 'Packets that were dropped.', 'reason', {
    'unknown-source': 'droppedUnknownSource',
    malformed: 'droppedMalformed',
    'no-slot': 'droppedNoSlot',
    'too-big': 'droppedTooBig',
    'send-error': 'droppedSendError',
    duplicate: 'droppedDuplicate',
  });
  fields('counter', 'handshakes_total', 'DTLS handshakes.', 'state', {
    started: 'handshakesStarted',
    failed: 'handshakesFailed',
  });
  addWorkerMetric(
    registry,
    shards,
    'counter',
    'shardcast_offload_refused_total',
    'Messages that the kernel would not segment: their datagrams went out one by one.',
    ({ telemetry }) => telemetry.worker('offloadRefused'),
  );
  addWorkerMetric(
    registry,
    shards,
    'counter',
    'shardcast_dtls_rejected_total',
    'DTLS records that were not accepted.',
    ({ telemetry }) => telemetry.worker('dtlsRejected'),
  );
  addWorkerMetric(
    registry,
    shards,
    'counter',
    'shardcast_nack_ignored_total',
    'Requests for retransmission that were not served.',
    ({ telemetry }) => telemetry.worker('nackIgnored'),
  );
  addWorkerMetric(
    registry,
    shards,
    'counter',
    'shardcast_keyframe_cache_refused_total',
    "Keyframe caches that were cut short, because the worker's memory for them was used up.",
    ({ telemetry }) => telemetry.worker('keyframeCacheRefused'),
  );
  addWorkerMetric(
    registry,
    shards,
    'counter',
    'shardcast_worker_faults_total',
    'Internal errors that ended a stream, a session or a connection. Each has a line in the log.',
    ({ telemetry }) => telemetry.worker('faults'),
  );

  addWorkerHistogram(
    registry,
    shards,
    'shardcast_session_setup_seconds',
    'From the offer to a connected session.',
    'sessionSetup',
  );
  addWorkerHistogram(
    registry,
    shards,
    'shardcast_first_frame_seconds',
    "From the offer to the viewer's first keyframe sent.",
    'firstFrame',
  );
  addWorkerHistogram(
    registry,
    shards,
    'shardcast_forward_latency_seconds',
    'From a read to its packets being with the socket.',
    'forwardLatency',
  );

  addMetric(registry, 'gauge', 'shardcast_fast_path_info', '1 for the media path in use.', () =>
    shards().flatMap(({ worker, fastPath, fastPathDetail }) =>
      fastPath === undefined ? [] : [{ labels: { worker, path: fastPath, ...fastPathDetail }, value: 1 }],
    ),
  );
  addMetric(registry, 'gauge', 'shardcast_dtls_info', '1 for who does the DTLS handshakes.', () =>
    shards().flatMap(({ worker, dtls }) =>
      dtls === undefined ? [] : [{ labels: { worker, engine: dtls }, value: 1 }],
    ),
  );
}

function addStreamMetrics(registry: Registry, read: () => readonly ShownStream[]): void {
  // The registry reads all metrics in one turn: they show the same streams, chosen once.
  let shown: readonly ShownStream[] | undefined;
  const streams = (): readonly ShownStream[] => {
    if (shown === undefined) {
      shown = read();
      queueMicrotask(() => {
        shown = undefined;
      });
    }
    return shown;
  };
  const add = (type: MetricType, name: string, help: string, field: StreamField) =>
    addMetric(registry, type, `shardcast_stream_${name}`, help, () =>
      streams().map((stream) => ({ labels: { worker: stream.worker, path: stream.path }, value: stream.read(field) })),
    );

  add('gauge', 'readers', 'Viewers of the stream.', 'readers');
  add('counter', 'inbound_packets_total', 'RTP packets from the source.', 'inboundPackets');
  add('counter', 'inbound_bytes_total', 'Bytes of RTP from the source.', 'inboundBytes');
  add('counter', 'inbound_lost_total', 'RTP packets that the source sent and that did not come.', 'inboundLost');
  add('counter', 'outbound_packets_total', 'RTP packets to viewers.', 'outboundPackets');
  add('counter', 'outbound_bytes_total', 'Bytes of RTP to viewers.', 'outboundBytes');
  add('counter', 'cpu_seconds_total', 'CPU time spent on the stream, estimated.', 'cpuSeconds');
  add('counter', 'keyframes_total', 'Keyframes from the source.', 'keyframes');
  add('gauge', 'keyframe_cache_bytes', 'Kept for new viewers.', 'cacheBytes');
}
