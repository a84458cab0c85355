import { useMemo } from 'preact/hooks';
import { useFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import { count } from '../format.ts';
import { route, setQuery } from '../router.ts';
import { matching } from '../table/table-model.ts';
import { Empty, PageHead, Search, Segments, Waiting } from '../ui/parts.tsx';
import { kindOf, SessionTable } from './session-table.tsx';

const SHOWN = [
  ['all', 'All'],
  ['read', 'Viewers'],
  ['publish', 'Publishers'],
] as const;

/** Who is connected, to what, and a way to end it. */
export function SessionsPage() {
  const { data, error } = useFeed(feeds.sessions);
  const { query } = route.value;
  const search = query.get('search') ?? '';
  const show = SHOWN.find(([value]) => value === query.get('show'))?.[0] ?? 'all';
  const rows = useMemo(() => {
    const kept = (data.value ?? []).filter(({ state }) => show === 'all' || state === show);
    return matching(kept, search, (session) => `${session.path} ${session.remoteAddr} ${kindOf(session)}`);
  }, [data.value, search, show]);
  const total = data.value?.length ?? 0;
  return (
    <div class="page fills">
      <PageHead title="Sessions" detail={data.value && `${count(total)} connected`}>
        <Search label="Search sessions" value={search} onInput={(value) => setQuery({ search: value })} />
        <Segments label="Sessions shown" value={show} options={SHOWN} onChange={(value) => setQuery({ show: value })} />
      </PageHead>
      {data.value === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <div class="card table-card">
          <SessionTable
            rows={rows}
            hasPath
            empty={
              total === 0 ? (
                <Empty icon="sessions" title="Nobody is connected">
                  Viewers and publishers appear here as they come.
                </Empty>
              ) : (
                <Empty icon="search" title="No session matches" />
              )
            }
          />
        </div>
      )}
    </div>
  );
}
