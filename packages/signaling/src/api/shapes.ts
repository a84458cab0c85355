import type { Telemetry, WorkerField } from '@shardcast/shared';
import type { PathInfo, SessionInfo, ShardView } from '../paths/media.ts';

/** Our facts in the shapes of MediaMTX's control API v3, with fields of our own beside them. */

const SOURCE_TYPES: Readonly<Record<string, string>> = {
  whip: 'webRTCSession',
  'rtsp-push': 'rtspSession',
  'rtsp-pull': 'rtspSource',
  file: 'fileSource',
};

/** MediaMTX spells codecs its own way. */
const CODEC_NAMES: Readonly<Record<string, string>> = { OPUS: 'Opus', PCMU: 'G711', PCMA: 'G711' };

export function pathShape(info: PathInfo, sessions: readonly SessionInfo[], telemetry: Telemetry | undefined) {
  const own = sessions.filter((session) => session.path === info.name);
  const publisher = own.find((session) => session.kind !== 'whep');
  const since = info.onlineSince?.toISOString() ?? null;
  const count = (field: 'inboundBytes' | 'outboundBytes') =>
    info.slot === undefined ? 0 : (telemetry?.stream(info.slot, field) ?? 0);
  return {
    name: info.name,
    confName: info.confName,
    source:
      info.source === undefined
        ? null
        : { type: SOURCE_TYPES[info.source.type] ?? info.source.type, id: publisher?.id ?? '' },
    ready: info.online,
    readyTime: since,
    online: info.online,
    onlineTime: since,
    tracks: info.tracks
      .filter((track) => track.skipped === undefined)
      .map((track) => CODEC_NAMES[track.codec] ?? track.codec),
    bytesReceived: count('inboundBytes'),
    bytesSent: count('outboundBytes'),
    readers: own
      .filter((session) => session.kind === 'whep')
      .map((session) => ({ type: 'webRTCSession', id: session.id })),
    readerCount: info.readers,
    reason: info.reason ?? null,
    skippedTracks: info.tracks.filter((track) => track.skipped !== undefined),
    worker: info.worker ?? null,
  };
}

export function sessionShape(session: SessionInfo) {
  return {
    id: session.id,
    created: session.createdAt.toISOString(),
    remoteAddr: session.remoteAddr,
    state: session.kind === 'whep' ? 'read' : 'publish',
    path: session.path,
    peerConnectionEstablished: session.state === 'connected',
    worker: session.worker,
  };
}

export function workerShape(shard: ShardView) {
  const value = (field: WorkerField) => shard.telemetry.worker(field);
  return {
    id: shard.worker,
    state: shard.state,
    restarts: shard.restarts,
    fastPath: shard.fastPath ?? null,
    dtls: shard.dtls ?? null,
    udpPort: shard.udpPort ?? null,
    sessions: value('sessions'),
    streams: value('streams'),
    cpuSeconds: value('cpuSeconds'),
    eventLoopLagSeconds: value('eventLoopLagSeconds'),
    heapBytes: value('heapBytes'),
    externalBytes: value('externalBytes'),
    activeResources: value('activeResources'),
    poolSlots: { free: value('poolSlotsFree'), used: value('poolSlotsUsed') },
  };
}
