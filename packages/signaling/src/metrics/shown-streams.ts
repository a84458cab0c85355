import type { StreamField, Telemetry } from '@shardcast/shared';
import type { Media, PathInfo, ShardView } from '../paths/media.ts';

/** Paths with a label of their own: a server that admits any name must not let strangers choose how long a scrape is. */
export const MAX_PATH_LABELS = 1000;
/** The label of all others together. */
export const REST = 'other';

/** A label and the streams whose values are summed under it: one, or on a worker all that have no label of their own. */
export type ShownStream = {
  readonly worker: number;
  readonly path: string;
  /** Undefined for the rest. */
  readonly info: PathInfo | undefined;
  read(field: StreamField): number;
};

/** The paths of the most outbound bytes, `limit` of them, and the others. */
export function splitPaths(
  paths: readonly PathInfo[],
  shards: readonly ShardView[],
  limit: number,
): { readonly named: readonly PathInfo[]; readonly rest: readonly PathInfo[] } {
  if (paths.length <= limit) return { named: paths, rest: [] };
  const telemetry = telemetryOf(shards);
  const ranked = paths
    .map((info) => ({ info, bytes: fieldOf(info, telemetry, 'outboundBytes') }))
    // A path by the name of the rest would be the same series twice.
    .sort((a, b) => Number(a.info.name === REST) - Number(b.info.name === REST) || b.bytes - a.bytes)
    .map(({ info }) => info);
  return { named: ranked.slice(0, limit), rest: ranked.slice(limit) };
}

/** What a scrape shows of the streams. The rest's counters go back when a stream leaves it, as those of a restart do. */
export function shownStreams(
  media: Pick<Media, 'paths'>,
  shards: readonly ShardView[],
  limit: number,
): readonly ShownStream[] {
  const { named, rest } = splitPaths(media.paths(), shards, limit);
  const telemetry = telemetryOf(shards);
  const shown: ShownStream[] = [];
  for (const info of named) {
    const { name, worker, slot } = info;
    const counters = worker === undefined ? undefined : telemetry.get(worker);
    if (worker === undefined || slot === undefined || counters === undefined) continue;
    shown.push({ worker, path: name, info, read: (field) => counters.stream(slot, field) });
  }
  const restOf = new Map<number, PathInfo[]>();
  for (const info of rest) {
    if (info.worker === undefined || !telemetry.has(info.worker)) continue;
    const together = restOf.get(info.worker);
    if (together === undefined) restOf.set(info.worker, [info]);
    else together.push(info);
  }
  for (const [worker, infos] of restOf) {
    const read = (field: StreamField) => infos.reduce((sum, info) => sum + fieldOf(info, telemetry, field), 0);
    shown.push({ worker, path: REST, info: undefined, read });
  }
  return shown;
}

function telemetryOf(shards: readonly ShardView[]): ReadonlyMap<number, Telemetry> {
  return new Map(shards.map((shard) => [shard.worker, shard.telemetry]));
}

function fieldOf({ worker, slot }: PathInfo, telemetry: ReadonlyMap<number, Telemetry>, field: StreamField): number {
  if (worker === undefined || slot === undefined) return 0;
  return telemetry.get(worker)?.stream(slot, field) ?? 0;
}
