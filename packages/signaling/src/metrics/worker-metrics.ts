import type { ShardView } from '../paths/media.ts';
import { type Exposition, labelText } from './exposition.ts';
import { addWorkerFields, addWorkerHistogram, addWorkerMetric } from './telemetry-metrics.ts';

/** What workers count and measure. They are not asked: their counters are read where they lie. */
export function addWorkerMetrics(exposition: Exposition, shards: () => readonly ShardView[]): void {
  type Read = (shard: ShardView) => number;
  const add = (type: 'counter' | 'gauge', name: string, help: string, read: Read) =>
    addWorkerMetric(exposition, shards, type, `shardcast_worker_${name}`, help, read);

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
  ) => addWorkerFields(exposition, shards, type, `shardcast_${name}`, help, label, of);
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
    exposition,
    shards,
    'counter',
    'shardcast_offload_refused_total',
    'Messages that the kernel would not segment: their datagrams went out one by one.',
    ({ telemetry }) => telemetry.worker('offloadRefused'),
  );
  addWorkerMetric(
    exposition,
    shards,
    'counter',
    'shardcast_dtls_rejected_total',
    'DTLS records that were not accepted.',
    ({ telemetry }) => telemetry.worker('dtlsRejected'),
  );
  addWorkerMetric(
    exposition,
    shards,
    'counter',
    'shardcast_nack_ignored_total',
    'Requests for retransmission that were not served.',
    ({ telemetry }) => telemetry.worker('nackIgnored'),
  );
  addWorkerMetric(
    exposition,
    shards,
    'counter',
    'shardcast_keyframe_cache_refused_total',
    "Keyframe caches that were cut short, because the worker's memory for them was used up.",
    ({ telemetry }) => telemetry.worker('keyframeCacheRefused'),
  );
  addWorkerMetric(
    exposition,
    shards,
    'counter',
    'shardcast_worker_faults_total',
    'Internal errors that ended a stream, a session or a connection. Each has a line in the log.',
    ({ telemetry }) => telemetry.worker('faults'),
  );

  addWorkerHistogram(
    exposition,
    shards,
    'shardcast_session_setup_seconds',
    'From the offer to a connected session.',
    'sessionSetup',
  );
  addWorkerHistogram(
    exposition,
    shards,
    'shardcast_first_frame_seconds',
    "From the offer to the viewer's first keyframe sent.",
    'firstFrame',
  );
  addWorkerHistogram(
    exposition,
    shards,
    'shardcast_forward_latency_seconds',
    'From a read to its packets being with the socket.',
    'forwardLatency',
  );

  exposition.add('gauge', 'shardcast_fast_path_info', '1 for the media path in use.', (write) => {
    for (const { worker, fastPath, fastPathDetail } of shards())
      if (fastPath !== undefined) write(labelText({ worker, path: fastPath, ...fastPathDetail }), 1);
  });
  exposition.add('gauge', 'shardcast_dtls_info', '1 for who does the DTLS handshakes.', (write) => {
    for (const { worker, dtls } of shards()) if (dtls !== undefined) write(labelText({ worker, engine: dtls }), 1);
  });
}
