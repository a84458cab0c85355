import type { Media, SessionInfo, ShardView } from '../paths/media.ts';

export type MediaMtxMetricsOptions = {
  readonly shards: () => readonly ShardView[];
  readonly media: Pick<Media, 'paths' | 'sessions'>;
};

/** `/metrics?format=mediamtx`: the same facts under MediaMTX's names, for dashboards that know those. */
export function mediaMtxMetrics({ shards, media }: MediaMtxMetricsOptions): string {
  const lines: string[] = [];
  const telemetry = new Map(shards().map((shard) => [shard.worker, shard.telemetry]));
  for (const info of media.paths()) {
    const labels = `{name="${info.name}",state="${info.online ? 'ready' : 'notReady'}"}`;
    const counters = info.worker === undefined ? undefined : telemetry.get(info.worker);
    const count = (field: 'inboundBytes' | 'outboundBytes') =>
      info.slot === undefined ? 0 : (counters?.stream(info.slot, field) ?? 0);
    lines.push(
      `paths${labels} 1`,
      `paths_readers${labels} ${info.readers}`,
      `paths_inbound_bytes${labels} ${count('inboundBytes')}`,
      `paths_outbound_bytes${labels} ${count('outboundBytes')}`,
      `paths_bytes_received${labels} ${count('inboundBytes')}`,
      `paths_bytes_sent${labels} ${count('outboundBytes')}`,
    );
  }
  if (media.paths().length === 0) lines.push('paths 0');
  const sessions = media.sessions();
  lines.push(
    ...sessionLines(
      'webrtc_sessions',
      sessions.filter(({ kind }) => kind !== 'rtsp-push'),
    ),
  );
  lines.push(
    ...sessionLines(
      'rtsp_sessions',
      sessions.filter(({ kind }) => kind === 'rtsp-push'),
    ),
  );
  return `${lines.join('\n')}\n`;
}

function sessionLines(name: string, sessions: readonly SessionInfo[]): string[] {
  if (sessions.length === 0) return [`${name} 0`];
  return sessions.map(({ id, kind, path }) => {
    return `${name}{id="${id}",path="${path}",state="${kind === 'whep' ? 'read' : 'publish'}"} 1`;
  });
}
