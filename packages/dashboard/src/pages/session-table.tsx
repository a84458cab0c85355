import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { send } from '../api/client.ts';
import { type AnySession, feeds } from '../api/feeds.ts';
import { count, since } from '../format.ts';
import { linkTo } from '../router.ts';
import { type Column, DataTable } from '../table/data-table.tsx';
import type { Direction } from '../table/table-model.ts';
import { confirmThen } from '../ui/confirm.tsx';
import { Dot } from '../ui/parts.tsx';

function columns(hasPath: boolean): readonly Column<AnySession>[] {
  const path: Column<AnySession> = {
    id: 'path',
    title: 'Stream',
    width: 'auto',
    sort: (session) => session.path,
    cell: (session) => <a href={linkTo('streams', session.path)}>{session.path}</a>,
  };
  return [
    ...(hasPath ? [path] : []),
    {
      id: 'state',
      title: 'Does',
      width: hasPath ? '120px' : 'auto',
      sort: kindOf,
      cell: (session) => (
        <div class="name-cell">
          <Dot
            tone={session.peerConnectionEstablished ? 'ok' : 'warn'}
            label={session.peerConnectionEstablished ? 'connected' : 'connecting'}
          />
          {kindOf(session)}
        </div>
      ),
    },
    {
      id: 'from',
      title: 'From',
      width: '190px',
      sort: ({ remoteAddr }) => remoteAddr,
      cell: ({ remoteAddr }) => remoteAddr,
    },
    {
      id: 'age',
      title: 'For',
      width: '110px',
      isNumber: true,
      priority: 2,
      sort: ({ created }) => -Date.parse(created),
      cell: ({ created }) => since(created),
    },
    {
      id: 'worker',
      title: 'Worker',
      width: '100px',
      isNumber: true,
      priority: 2,
      sort: ({ worker }) => worker,
      cell: ({ worker }) => count(worker),
    },
    {
      id: 'kick',
      title: 'End',
      width: '84px',
      isNumber: true,
      cell: (session) => (
        <button
          type="button"
          class="button small"
          aria-label={`Kick ${session.remoteAddr} from ${session.path}`}
          onClick={() => kick(session)}
        >
          Kick
        </button>
      ),
    },
  ];
}

export function kindOf({ kind, state }: AnySession): string {
  if (state === 'read') return 'watches';
  return kind === 'rtsp' ? 'sends RTSP' : 'sends WHIP';
}

function kick({ kind, id, path, remoteAddr, state }: AnySession): void {
  confirmThen({
    title: state === 'read' ? 'Kick this viewer?' : 'Kick this publisher?',
    text: `The session of ${remoteAddr} at ${path} ends at once. A player or encoder that reconnects by itself will come back.`,
    action: 'Kick',
    done: 'The session has ended.',
    async act() {
      await send('POST', `${kind}sessions/kick/${encodeURIComponent(id)}`);
      feeds.sessions.refresh();
    },
  });
}

type SessionTableProps = {
  readonly rows: readonly AnySession[];
  readonly hasPath: boolean;
  readonly empty: ComponentChildren;
};

export function SessionTable({ rows, hasPath, empty }: SessionTableProps) {
  const order = useSignal<{ by: string; direction: Direction }>({ by: 'age', direction: 'descending' });
  const shown = useMemo(() => columns(hasPath), [hasPath]);
  return (
    <DataTable
      label="Sessions"
      rows={rows}
      keyOf={({ id }) => id}
      columns={shown}
      sortBy={order.value.by}
      direction={order.value.direction}
      onSort={(by, direction) => {
        order.value = { by, direction };
      }}
      empty={empty}
    />
  );
}
