import { useComputed } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { useFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import type { Stream } from '../api/shapes.ts';
import { bitrate, cores, count, percent, seconds } from '../format.ts';
import { linkTo, route, setQuery } from '../router.ts';
import { type Column, DataTable } from '../table/data-table.tsx';
import { matching } from '../table/table-model.ts';
import { Dot, Empty, PageHead, Search, Segments, Waiting } from '../ui/parts.tsx';
import { Preview, usePreview } from './preview.tsx';
import { sourceName } from './source-name.ts';
import { StreamPage } from './stream.tsx';

const SHOWN = [
  ['all', 'All'],
  ['online', 'Online'],
  ['offline', 'Offline'],
] as const;

const stat =
  (name: 'inboundBitrate' | 'outboundBitrate' | 'lossRatio' | 'cpuCores' | 'secondsSinceKeyframe') =>
  ({ stats }: Stream) =>
    stats?.[name] ?? null;

const COLUMNS: readonly Column<Stream>[] = [
  {
    id: 'name',
    title: 'Stream',
    width: 'auto',
    sort: ({ name }) => name,
    cell: (stream) => (
      <div class="name-cell">
        <Dot
          tone={stream.online ? 'ok' : stream.worker === null ? '' : 'bad'}
          label={stream.online ? 'online' : 'offline'}
        />
        <a href={linkTo('streams', stream.name)} title={stream.reason ?? stream.name}>
          {stream.name}
        </a>
      </div>
    ),
  },
  { id: 'source', title: 'Source', width: '104px', priority: 2, sort: sourceName, cell: sourceName },
  {
    id: 'codecs',
    title: 'Codecs',
    width: '126px',
    priority: 3,
    sort: ({ tracks }) => tracks.join(', '),
    cell: ({ tracks }) => tracks.join(', ') || '–',
  },
  {
    id: 'viewers',
    title: 'Viewers',
    width: '102px',
    isNumber: true,
    sort: ({ readerCount }) => readerCount,
    cell: ({ readerCount }) => count(readerCount),
  },
  {
    id: 'in',
    title: 'In',
    width: '108px',
    isNumber: true,
    sort: stat('inboundBitrate'),
    cell: (row) => bitrate(stat('inboundBitrate')(row)),
  },
  {
    id: 'out',
    title: 'Out',
    width: '108px',
    isNumber: true,
    priority: 2,
    sort: stat('outboundBitrate'),
    cell: (row) => bitrate(stat('outboundBitrate')(row)),
  },
  {
    id: 'loss',
    title: 'Loss',
    width: '88px',
    isNumber: true,
    priority: 2,
    sort: stat('lossRatio'),
    cell: (row) => percent(stat('lossRatio')(row)),
  },
  {
    id: 'keyframe',
    title: 'Keyframe',
    width: '106px',
    isNumber: true,
    priority: 3,
    sort: stat('secondsSinceKeyframe'),
    cell: (row) => seconds(stat('secondsSinceKeyframe')(row)),
  },
  {
    id: 'cpu',
    title: 'CPU',
    width: '112px',
    isNumber: true,
    priority: 3,
    sort: stat('cpuCores'),
    cell: (row) => cores(stat('cpuCores')(row)),
  },
  {
    id: 'worker',
    title: 'Worker',
    width: '98px',
    isNumber: true,
    priority: 2,
    sort: ({ worker }) => worker,
    cell: ({ worker }) => count(worker),
  },
];

/** Every stream in a table; with an item, that stream. */
export function StreamsPage({ item }: { readonly item: string }) {
  return item === '' ? <StreamList /> : <StreamPage name={item} />;
}

function StreamList() {
  const { data, error } = useFeed(feeds.streams);
  const { query } = route.value;
  const search = query.get('search') ?? '';
  const show = SHOWN.find(([value]) => value === query.get('show'))?.[0] ?? 'all';
  const online = useComputed(() => data.value?.filter((stream) => stream.online).length ?? 0).value;
  const preview = usePreview();
  const rows = useMemo(() => {
    const kept = (data.value ?? []).filter((stream) => show === 'all' || stream.online === (show === 'online'));
    return matching(kept, search, textOf);
  }, [data.value, search, show]);
  const total = data.value?.length ?? 0;
  return (
    <div class="page fills">
      <PageHead title="Streams" detail={data.value && `${count(online)} online of ${count(total)}`}>
        <Search label="Search streams" value={search} onInput={(value) => setQuery({ search: value })} />
        <Segments label="Streams shown" value={show} options={SHOWN} onChange={(value) => setQuery({ show: value })} />
      </PageHead>
      {data.value === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <div class="card table-card">
          <DataTable
            label="Streams"
            rows={rows}
            keyOf={({ name }) => name}
            columns={COLUMNS}
            sortBy={query.get('sort') ?? 'name'}
            direction={query.get('order') === 'descending' ? 'descending' : 'ascending'}
            onSort={(sort, order) => setQuery({ sort, order })}
            onPoint={(stream, element) => preview.point(stream?.online === true ? stream.name : undefined, element)}
            empty={
              total === 0 ? (
                <Empty icon="streams" title="No streams yet">
                  Configure a camera under <a href={linkTo('configuration')}>Configuration</a>, or publish one by WHIP
                  or RTSP.
                </Empty>
              ) : (
                <Empty icon="search" title="No stream matches">
                  None of {count(total)} streams is shown by this search and filter.
                </Empty>
              )
            }
          />
          <Preview preview={preview} />
        </div>
      )}
    </div>
  );
}

function textOf(stream: Stream): string {
  return `${stream.name} ${sourceName(stream)} ${stream.tracks.join(' ')} ${stream.reason ?? ''}`;
}
