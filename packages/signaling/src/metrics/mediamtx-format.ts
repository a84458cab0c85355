import type { Media, PathInfo, SessionInfo, ShardView } from '../paths/media.ts';
import { MAX_PATH_LABELS, REST, splitPaths } from './shown-streams.ts';

export type MediaMtxMetricsOptions = {
  readonly shards: () => readonly ShardView[];
  readonly media: Pick<Media, 'paths' | 'sessions'>;
};

/** `/metrics?format=mediamtx`: the same facts under MediaMTX's names, for dashboards that know those. */
export function mediaMtxMetrics({ shards, media }: MediaMtxMetricsOptions, maxPathLabels = MAX_PATH_LABELS): string {
  const lines: string[] = [];
  const telemetry = new Map(shards().map((shard) => [shard.worker, shard.telemetry]));
  const show = (name: string, state: string, infos: readonly PathInfo[]): void => {
    if (infos.length === 0) return;
    const labels = `{name="${name}",state="${state}"}`;
    const sum = (read: (info: PathInfo) => number) => infos.reduce((total, info) => total + read(info), 0);
    const count = (field: 'inboundBytes' | 'outboundBytes') =>
      sum(({ worker, slot }) =>
        worker === undefined || slot === undefined ? 0 : (telemetry.get(worker)?.stream(slot, field) ?? 0),
      );
    lines.push(
      `paths${labels} ${infos.length}`,
      `paths_readers${labels} ${sum(({ readers }) => readers)}`,
      `paths_inbound_bytes${labels} ${count('inboundBytes')}`,
      `paths_outbound_bytes${labels} ${count('outboundBytes')}`,
      `paths_bytes_received${labels} ${count('inboundBytes')}`,
      `paths_bytes_sent${labels} ${count('outboundBytes')}`,
    );
  };
  const paths = media.paths();
  const { named, rest } = splitPaths(paths, shards(), maxPathLabels);
  for (const info of named) show(info.name, info.online ? 'ready' : 'notReady', [info]);
  for (const [state, online] of [
    ['ready', true],
    ['notReady', false],
  ] as const) {
    show(
      REST,
      state,
      rest.filter((info) => info.online === online),
    );
  }
  if (paths.length === 0) lines.push('paths 0');
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
