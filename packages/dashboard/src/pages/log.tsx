import { useSignal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { get } from '../api/client.ts';
import { useOwnFeed } from '../api/feed.ts';
import type { LogPage as Lines } from '../api/shapes.ts';
import { count } from '../format.ts';
import { route, setQuery } from '../router.ts';
import { type Column, DataTable } from '../table/data-table.tsx';
import { matching } from '../table/table-model.ts';
import { Modal } from '../ui/confirm.tsx';
import { Badge, Empty, PageHead, Search, Segments, type Tone, Waiting } from '../ui/parts.tsx';
import { appended, atLeast, type LogLine } from './log-lines.ts';

const SHOWN = [
  ['', 'All'],
  ['info', 'Info'],
  ['warn', 'Warnings'],
  ['error', 'Errors'],
] as const;
const TONES: Readonly<Record<string, Tone>> = { warn: 'warn', error: 'bad', fatal: 'bad', info: 'info' };

/** The last lines of the log, the newest first, as they come. */
export function LogPage() {
  const known = useRef<readonly LogLine[]>([]);
  const isHeld = useSignal(false);
  const held = useRef<readonly LogLine[]>([]);
  const opened = useSignal<LogLine | undefined>(undefined);
  const { data, error } = useOwnFeed(
    'log',
    async (signal) => {
      const after = known.current.at(-1)?.id ?? 0;
      known.current = appended(known.current, await get<Lines>(`log?after=${after}`, signal));
      return known.current;
    },
    1_000,
  );
  const { query } = route.value;
  const search = query.get('search') ?? '';
  const level = SHOWN.find(([value]) => value === query.get('level'))?.[0] ?? '';
  if (!isHeld.value) held.current = data.value ?? [];
  const lines = held.current;
  const rows = useMemo(
    () => matching(atLeast(lines, level), search, (line) => `${line.message} ${line.details} ${line.level}`),
    [lines, level, search],
  );
  const columns = useMemo(
    () =>
      columnsOf((line) => {
        opened.value = line;
      }),
    [opened],
  );
  return (
    <div class="page fills">
      <PageHead
        title="Log"
        detail={data.value && `${count(rows.length)} of the last ${count(lines.length)} lines, secrets taken out`}
      >
        <Search label="Search the log" value={search} onInput={(value) => setQuery({ search: value })} />
        <Segments label="Level" value={level} options={SHOWN} onChange={(value) => setQuery({ level: value })} />
        <button
          type="button"
          class="button"
          aria-pressed={isHeld.value}
          onClick={() => {
            isHeld.value = !isHeld.value;
          }}
        >
          {isHeld.value ? 'Go on' : 'Hold'}
        </button>
      </PageHead>
      {data.value === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <div class="card table-card">
          <DataTable
            label="Log"
            rows={rows}
            keyOf={({ id }) => String(id)}
            columns={columns}
            sortBy="time"
            direction={query.get('order') === 'ascending' ? 'ascending' : 'descending'}
            onSort={(_column, order) => setQuery({ order })}
            empty={<Empty icon="log" title={lines.length === 0 ? 'Nothing was logged yet' : 'No line matches'} />}
          />
        </div>
      )}
      {opened.value !== undefined && (
        <Modal
          title="Log line"
          isWide
          onClose={() => {
            opened.value = undefined;
          }}
        >
          <form method="dialog">
            <div class="modal-body">
              <h2>{opened.value.message}</h2>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
              <pre class="code" tabIndex={0}>
                {opened.value.whole}
              </pre>
            </div>
            <div class="modal-foot">
              <button type="submit" class="button">
                Close
              </button>
            </div>
          </form>
        </Modal>
      )}
    </div>
  );
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});

function columnsOf(open: (line: LogLine) => void): readonly Column<LogLine>[] {
  return [
    {
      id: 'time',
      title: 'Time',
      width: '124px',
      sort: ({ id }) => id,
      cell: ({ time }) => <span class="mono muted">{time === '' ? '' : clock.format(Date.parse(time))}</span>,
    },
    {
      id: 'level',
      title: 'Level',
      width: '84px',
      priority: 2,
      cell: ({ level }) => <Badge tone={TONES[level] ?? ''}>{level === '' ? '?' : level}</Badge>,
    },
    {
      id: 'message',
      title: 'Message',
      width: '32%',
      cell: (line) => (
        <button type="button" class="line-button clip" onClick={() => open(line)}>
          {line.message}
        </button>
      ),
    },
    {
      id: 'details',
      title: 'Details',
      width: 'auto',
      cell: ({ details }) => <span class="mono muted">{details}</span>,
    },
  ];
}
