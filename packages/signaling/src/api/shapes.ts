import { type Telemetry, TrackInfo, type WorkerField, type WorkerSettings } from '@shardcast/shared';
import { formatDuration } from '@shardcast/shared/config';
import { z } from 'zod';
import type { Observer, StreamStats } from '../monitor/observer.ts';
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

const Time = z.iso.datetime();

const Figure = z.number().min(0);
export const StatsShape = z
  .strictObject({
    inboundBitrate: Figure.describe('Bits a second.'),
    outboundBitrate: Figure.describe('Bits a second, to all viewers.'),
    inboundPackets: Figure.describe('A second.'),
    outboundPackets: Figure.describe('A second, to all viewers.'),
    lossRatio: Figure.max(1).describe('Of what the source sent.'),
    inboundLost: Figure.describe('Packets since the stream began.'),
    keyframes: Figure.describe('Since the stream began.'),
    secondsSinceKeyframe: Figure,
    cpuSeconds: Figure.describe('Since the stream began.'),
    cpuCores: Figure.describe('CPU seconds a second.'),
    cpuCoresPerViewer: Figure,
    memoryBytes: Figure.describe('With its viewers.'),
    memoryBytesPerViewer: Figure,
    keyframeCacheBytes: Figure,
  })
  .meta({ id: 'StreamStats', description: 'Rates are of the last ten seconds.' });

export const PathShape = z
  .strictObject({
    name: z.string(),
    confName: z.string().describe('The entry of the configuration that matched.'),
    source: z.strictObject({ type: z.string(), id: z.string() }).nullable(),
    ready: z.boolean(),
    readyTime: Time.nullable(),
    online: z.boolean(),
    onlineTime: Time.nullable(),
    tracks: z.array(z.string()).describe('Codecs.'),
    bytesReceived: z.number(),
    bytesSent: z.number(),
    readers: z.array(z.strictObject({ type: z.string(), id: z.string() })),
    readerCount: z.int(),
    reason: z.string().nullable().describe('Why it is not online.'),
    skippedTracks: z.array(TrackInfo).describe('Tracks of the source that browsers cannot play, and why.'),
    worker: z.int().nullable(),
    stats: StatsShape.nullable(),
  })
  .meta({ id: 'Path' });

export function pathShape(
  info: PathInfo,
  sessions: readonly SessionInfo[],
  telemetry: Telemetry | undefined,
  stats: StreamStats | undefined,
): z.input<typeof PathShape> {
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
    stats: stats === undefined ? null : statsShape(stats),
  };
}

function statsShape({ cpuCoresOfViewers: _, ...stats }: StreamStats): z.input<typeof StatsShape> {
  return stats;
}

export const SessionShape = z
  .strictObject({
    id: z.string().describe('Public: it opens nothing.'),
    created: Time,
    remoteAddr: z.string(),
    state: z.enum(['read', 'publish']),
    path: z.string(),
    peerConnectionEstablished: z.boolean(),
    worker: z.int(),
  })
  .meta({ id: 'Session' });

export function sessionShape(session: SessionInfo): z.input<typeof SessionShape> {
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

export const WorkerShape = z
  .strictObject({
    id: z.int(),
    state: z.enum(['starting', 'up', 'restarting', 'stopped']),
    restarts: z.int(),
    fastPath: z.string().nullable(),
    dtls: z.string().nullable(),
    udpPort: z.int().nullable(),
    sessions: z.number(),
    streams: z.number(),
    cpuSeconds: z.number(),
    cpuCores: z.number(),
    eventLoopUtilization: z.number(),
    eventLoopLagSeconds: z.number(),
    heapBytes: z.number(),
    externalBytes: z.number(),
    activeResources: z.number(),
    poolSlots: z.strictObject({ free: z.number(), used: z.number() }),
    rtcpPackets: z.strictObject({ received: z.number(), sent: z.number() }).describe('So far.'),
    optimisations: z
      .strictObject({
        nack: z.boolean(),
        rtcpInterval: z.string(),
        bufferPool: z.boolean(),
        fastPath: z.string(),
        keyframeCache: z.boolean(),
      })
      .nullable()
      .describe('What the thread that runs now was started with.'),
  })
  .meta({ id: 'Worker' });

export function workerShape(shard: ShardView, observer: Pick<Observer, 'workerCores'>): z.input<typeof WorkerShape> {
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
    cpuCores: observer.workerCores(shard.worker),
    eventLoopUtilization: shard.eventLoopUtilization(),
    eventLoopLagSeconds: value('eventLoopLagSeconds'),
    heapBytes: value('heapBytes'),
    externalBytes: value('externalBytes'),
    activeResources: value('activeResources'),
    poolSlots: { free: value('poolSlotsFree'), used: value('poolSlotsUsed') },
    rtcpPackets: { received: value('rtcpReceived'), sent: value('rtcpSent') },
    optimisations: shard.settings === undefined ? null : optimisations(shard.settings),
  };
}

function optimisations({ nack, rtcpIntervalMs, bufferPool, fastPath, keyframeCache }: WorkerSettings) {
  const rtcpInterval = formatDuration(rtcpIntervalMs);
  return { nack, rtcpInterval, bufferPool, fastPath, keyframeCache: keyframeCache.maxBytes > 0 };
}

/** What an operation answers that has nothing to say but that it was done. */
export const Done = z.strictObject({ status: z.literal('ok') });
export const DONE = { status: 'ok' } as const;
