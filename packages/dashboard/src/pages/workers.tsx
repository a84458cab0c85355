import { useMemo } from 'preact/hooks';
import { send } from '../api/client.ts';
import { useFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import type { Stream, Worker } from '../api/shapes.ts';
import { bytes, cores, count, percent, seconds } from '../format.ts';
import { linkTo, route, setQuery } from '../router.ts';
import { sorted } from '../table/table-model.ts';
import { confirmThen } from '../ui/confirm.tsx';
import { Icon } from '../ui/icon.tsx';
import { Badge, Card, Empty, Meter, PageHead, type Tone, Waiting } from '../ui/parts.tsx';
import { PlacementFacts } from './placement.tsx';

/** More cells say no more. */
const MOST_CELLS = 240;

/** Every shard with its streams, drawn by what they cost. */
export function WorkersPage() {
  const { data, error } = useFeed(feeds.workers);
  const streams = useFeed(feeds.streams).data.value;
  const chosen = route.value.query.get('stream');
  const byWorker = useMemo(() => {
    const map = new Map<number, Stream[]>();
    // By name: by cost they would change places with every look.
    for (const stream of sorted(streams ?? [], ({ name }) => name, 'ascending')) {
      if (stream.worker === null) continue;
      const list = map.get(stream.worker);
      if (list === undefined) map.set(stream.worker, [stream]);
      else list.push(stream);
    }
    return map;
  }, [streams]);
  const homeless = (streams ?? []).filter(({ worker, online }) => worker === null && online).length;
  return (
    <div class="page">
      <PageHead
        title="Workers"
        detail={`Each worker is a thread with its own streams; a cell is a stream, as wide as what it costs.${homeless > 0 ? ` ${homeless} streams have no worker.` : ''}`}
      />
      {data.value === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <div class="workers">
          {data.value.map((worker) => (
            <WorkerCard key={worker.id} worker={worker} streams={byWorker.get(worker.id) ?? []} chosen={chosen} />
          ))}
        </div>
      )}
      <Card title={chosen === null ? 'Why is a stream where it is?' : `Why is ${chosen} where it is?`}>
        {chosen === null ? (
          <p class="muted">Choose a stream above.</p>
        ) : (
          <div class="stack">
            <PlacementFacts name={chosen} />
            <p>
              <a href={linkTo('streams', chosen)}>Open {chosen}</a>
            </p>
          </div>
        )}
      </Card>
    </div>
  );
}

function costOf({ stats }: Stream): number {
  return stats === null ? 0 : stats.cpuCores;
}

const STATES: Readonly<Record<Worker['state'], Tone>> = {
  up: 'ok',
  starting: 'warn',
  restarting: 'warn',
  stopped: 'bad',
};

type WorkerCardProps = {
  readonly worker: Worker;
  readonly streams: readonly Stream[];
  readonly chosen: string | null;
};

function WorkerCard({ worker, streams, chosen }: WorkerCardProps) {
  const { id, state, poolSlots } = worker;
  const slots = poolSlots.free + poolSlots.used;
  return (
    <section class="card worker" aria-label={`Worker ${id}`}>
      <div class="card-head">
        <h2>Worker {id}</h2>
        <Badge tone={STATES[state]}>{state}</Badge>
        {worker.restarts > 0 && <Badge>{count(worker.restarts)} restarts</Badge>}
        <div class="end">
          <button
            type="button"
            class="button small"
            disabled={state !== 'up'}
            onClick={() => recycle(worker)}
            aria-label={`Recycle worker ${id}`}
          >
            <Icon name="recycle" />
            Recycle
          </button>
        </div>
      </div>
      <div class="card-body stack">
        <div>
          <div class="meter-line">
            <span>CPU</span>
            <b>{cores(worker.cpuCores)}</b>
          </div>
          <Meter label={`CPU of worker ${id}`} ratio={worker.cpuCores} text={`${cores(worker.cpuCores)} of one core`} />
        </div>
        <Cells id={id} streams={streams} chosen={chosen} />
        <dl class="facts columns">
          <div>
            <dt>Sessions</dt>
            <dd>{count(worker.sessions)}</dd>
          </div>
          <div>
            <dt>Loop busy</dt>
            <dd>{percent(worker.eventLoopUtilization)}</dd>
          </div>
          <div>
            <dt>Loop lag</dt>
            <dd>{seconds(worker.eventLoopLagSeconds)}</dd>
          </div>
          <div>
            <dt>Heap</dt>
            <dd>{bytes(worker.heapBytes)}</dd>
          </div>
          <div>
            <dt>Buffers</dt>
            <dd>{bytes(worker.externalBytes)}</dd>
          </div>
          <div>
            <dt>Pool</dt>
            <dd>{slots === 0 ? 'off' : `${percent(poolSlots.used / slots)} in use`}</dd>
          </div>
          <div>
            <dt>Media path</dt>
            <dd>{worker.fastPath ?? '–'}</dd>
          </div>
          <div>
            <dt>UDP port</dt>
            <dd>{worker.udpPort ?? '–'}</dd>
          </div>
        </dl>
      </div>
    </section>
  );
}

type CellsProps = { readonly id: number; readonly streams: readonly Stream[]; readonly chosen: string | null };

function Cells({ id, streams, chosen }: CellsProps) {
  if (streams.length === 0) return <Empty icon="streams" title="No streams" />;
  const total = streams.reduce((sum, stream) => sum + costOf(stream), 0);
  const rest = streams.length - MOST_CELLS;
  return (
    <div>
      <div class="meter-line">
        <span>Streams</span>
        <b>{count(streams.length)}</b>
      </div>
      <ul class="cells" aria-label={`Streams of worker ${id}`}>
        {streams.slice(0, MOST_CELLS).map((stream) => {
          const share = total === 0 ? 0 : costOf(stream) / total;
          return (
            <li key={stream.name} style={{ flexGrow: String(1 + Math.round(share * 100)) }}>
              <button
                type="button"
                class={stream.online ? 'cell' : 'cell off'}
                aria-pressed={stream.name === chosen}
                title={`${stream.name}: ${cores(stream.stats?.cpuCores)}, ${count(stream.readerCount)} viewers${stream.online ? '' : ', offline'}`}
                onClick={() => setQuery({ stream: stream.name })}
              >
                {stream.name}
              </button>
            </li>
          );
        })}
      </ul>
      {rest > 0 && <p class="muted">and {count(rest)} more</p>}
    </div>
  );
}

function recycle({ id, sessions, streams }: Worker): void {
  confirmThen({
    title: `Recycle worker ${id}?`,
    text: `A new thread takes its place. Its ${count(streams)} streams are placed again, and its ${count(sessions)} sessions have to connect again.`,
    action: 'Recycle',
    done: `Worker ${id} is replaced.`,
    async act() {
      await send('POST', `workers/${id}/recycle`);
      feeds.workers.refresh();
    },
  });
}
