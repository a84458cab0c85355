import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { send } from '../api/client.ts';
import { useFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import type { Optimisations, Worker } from '../api/shapes.ts';
import { bytes, cores, count, percent, UNKNOWN } from '../format.ts';
import { confirmThen } from '../ui/confirm.tsx';
import { Badge, Note, PageHead, Waiting } from '../ui/parts.tsx';
import { loadOf, RtcpRates, type WorkerLoad } from './worker-load.ts';

/** The old ways, all of them. */
const ASIS: Optimisations = {
  nack: true,
  rtcpInterval: '1s',
  bufferPool: false,
  fastPath: 'portable',
  keyframeCache: true,
};

/** Workers with and without the optimisations, side by side under the same kind of load. */
export function ComparePage() {
  const { data, error } = useFeed(feeds.workers);
  const streams = useFeed(feeds.streams).data.value ?? [];
  const rtcp = useRef(new RtcpRates());
  const seen = useRef<readonly Worker[] | undefined>(undefined);
  const workers = data.value;
  if (workers !== undefined && workers !== seen.current) {
    seen.current = workers;
    for (const { id, rtcpPackets } of workers) rtcp.current.add(id, rtcpPackets, performance.now());
  }
  return (
    <div class="page">
      <PageHead
        title="ASIS / TOBE"
        detail="Give a worker the old ways and look at what it costs beside the others. Its streams and sessions begin anew; a restart of the server forgets it."
      />
      {workers === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <>
          {workers.length < 2 && (
            <Note tone="info">
              There is one worker only: with two or more they can be compared side by side (the key workers).
            </Note>
          )}
          {streams.length > 0 && workers.some((worker) => worker.streams === 0) && workers.length > 1 && (
            <Note tone="info">
              A worker carries nothing: streams left it when it was replaced. Those that begin from now on are placed on
              it.
            </Note>
          )}
          <Table
            workers={workers}
            loads={workers.map((worker) => loadOf(worker, streams, rtcp.current.rates(worker.id)))}
          />
        </>
      )}
    </div>
  );
}

type Figure = {
  readonly title: string;
  readonly value: (load: WorkerLoad) => number | null;
  readonly format: (value: number | null) => string;
  /** Held against the first worker's. */
  readonly isCompared?: boolean;
};

const FIGURES: readonly Figure[] = [
  { title: 'Streams', value: ({ streams }) => streams, format: count },
  { title: 'Viewers', value: ({ viewers }) => viewers, format: count },
  { title: 'Packets a second', value: ({ packets }) => packets, format: count },
  { title: 'CPU', value: ({ cpuCores }) => cpuCores, format: cores },
  { title: 'CPU a packet', value: ({ cpuPerPacket }) => cpuPerPacket, format: micros, isCompared: true },
  { title: 'Memory', value: ({ memoryBytes }) => memoryBytes, format: bytes },
  { title: 'Memory a stream', value: ({ memoryPerStream }) => memoryPerStream, format: bytes, isCompared: true },
  { title: 'Loss', value: ({ lossRatio }) => lossRatio, format: percent },
  { title: 'RTCP in, a second', value: ({ rtcpIn }) => rtcpIn, format: rate, isCompared: true },
  { title: 'RTCP out, a second', value: ({ rtcpOut }) => rtcpOut, format: rate, isCompared: true },
];

function micros(value: number | null): string {
  return value === null ? UNKNOWN : `${(value * 1e6).toFixed(1)} µs`;
}

function rate(value: number | null): string {
  return value === null ? UNKNOWN : value.toFixed(1);
}

type TableProps = { readonly workers: readonly Worker[]; readonly loads: readonly WorkerLoad[] };

function Table({ workers, loads }: TableProps) {
  const drafts = useSignal<ReadonlyMap<number, Optimisations>>(new Map());
  const draftOf = (worker: Worker): Optimisations | undefined =>
    drafts.value.get(worker.id) ?? worker.optimisations ?? undefined;
  const edit = (worker: number, draft: Optimisations | undefined): void => {
    const next = new Map(drafts.value);
    if (draft === undefined) next.delete(worker);
    else next.set(worker, draft);
    drafts.value = next;
  };
  const [first] = loads;
  return (
    <section class="card" aria-label="Comparison">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section class="table-wrap" tabIndex={0} aria-label="Workers side by side, scrollable">
        <table class="data compare" aria-label="Workers side by side">
          <thead>
            <tr>
              <th scope="col">
                <span class="sr">What</span>
              </th>
              {workers.map((worker) => (
                <th key={worker.id} scope="col">
                  Worker {worker.id} {worker.state !== 'up' && <Badge tone="warn">{worker.state}</Badge>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {SETTINGS.map((setting) => (
              <tr key={setting.key} class="row">
                <th scope="row">{setting.title}</th>
                {workers.map((worker) => {
                  const draft = draftOf(worker);
                  return (
                    <td key={worker.id} class={isChanged(worker, draft, setting.key) ? 'changed' : ''}>
                      {draft === undefined ? (
                        UNKNOWN
                      ) : (
                        <select
                          class="input"
                          aria-label={`${setting.title} of worker ${worker.id}`}
                          value={String(draft[setting.key])}
                          onChange={({ currentTarget }) =>
                            edit(worker.id, { ...draft, [setting.key]: setting.read(currentTarget.value) })
                          }
                        >
                          {optionsOf(setting, draft).map(([value, text]) => (
                            <option key={value} value={value}>
                              {text}
                            </option>
                          ))}
                        </select>
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
            <tr>
              <th scope="row">
                <span class="sr">Change</span>
              </th>
              {workers.map((worker) => (
                <td key={worker.id}>
                  <Actions
                    worker={worker}
                    draft={drafts.value.get(worker.id)}
                    onEdit={(draft) => edit(worker.id, draft)}
                  />
                </td>
              ))}
            </tr>
            {FIGURES.map((figure) => (
              <tr key={figure.title} class="row">
                <th scope="row">{figure.title}</th>
                {loads.map((load, index) => (
                  <td key={workers[index]?.id} class="figure">
                    {figure.format(figure.value(load))}
                    {figure.isCompared === true && index > 0 && first !== undefined && (
                      <Ratio of={figure.value(load)} to={figure.value(first)} />
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

/** Beside the first worker. */
function Ratio({ of, to }: { readonly of: number | null; readonly to: number | null }) {
  if (of === null || to === null || to === 0) return null;
  return <span class="muted"> × {(of / to).toFixed(2)}</span>;
}

type Setting = {
  readonly key: keyof Optimisations;
  readonly title: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly read: (value: string) => boolean | string;
};

const ON_OFF = [
  ['true', 'on'],
  ['false', 'off'],
] as const;
const isOn = (value: string): boolean => value === 'true';
const asIs = (value: string): string => value;

const SETTINGS: readonly Setting[] = [
  { key: 'nack', title: 'NACK', options: ON_OFF, read: isOn },
  {
    key: 'rtcpInterval',
    title: 'RTCP interval',
    options: ['500ms', '1s', '3s', '5s', '10s'].map((value) => [value, value] as const),
    read: asIs,
  },
  { key: 'bufferPool', title: 'Buffer pool', options: ON_OFF, read: isOn },
  {
    key: 'fastPath',
    title: 'Media path',
    options: ['auto', 'native', 'portable'].map((value) => [value, value] as const),
    read: asIs,
  },
  { key: 'keyframeCache', title: 'Keyframe cache', options: ON_OFF, read: isOn },
];

/** With the present value, whatever it is. */
function optionsOf({ key, options }: Setting, draft: Optimisations): Setting['options'] {
  const present = String(draft[key]);
  return options.some(([value]) => value === present) ? options : [[present, present], ...options];
}

function isChanged({ optimisations }: Worker, draft: Optimisations | undefined, key: keyof Optimisations): boolean {
  return optimisations !== null && draft !== undefined && optimisations[key] !== draft[key];
}

type ActionsProps = {
  readonly worker: Worker;
  readonly draft: Optimisations | undefined;
  readonly onEdit: (draft: Optimisations | undefined) => void;
};

function Actions({ worker, draft, onEdit }: ActionsProps) {
  const { id } = worker;
  const isBusy = worker.state !== 'up'; // it could not be replaced now

  const changes = SETTINGS.filter(({ key }) => isChanged(worker, draft, key));
  const apply = (body: Record<string, unknown>, text: string): void =>
    confirmThen({
      title: `Restart worker ${id} with ${text}?`,
      text: `Its ${count(worker.streams)} streams are placed again, and its ${count(worker.sessions)} sessions have to connect again. A restart of the server brings the configured settings back.`,
      action: 'Apply and recycle',
      done: `Worker ${id} starts with ${text}.`,
      async act() {
        await send('POST', `workers/${id}/optimisations`, body);
        onEdit(undefined);
        feeds.workers.refresh();
      },
    });
  return (
    <div class="actions">
      {changes.length > 0 && draft !== undefined ? (
        <>
          <button
            type="button"
            class="button small primary"
            disabled={isBusy}
            onClick={() => apply(written(draft), `${changes.map(({ title }) => title).join(', ')} changed`)}
          >
            Apply<span class="sr"> to worker {id}</span>
          </button>
          <button type="button" class="button small" onClick={() => onEdit(undefined)}>
            Undo<span class="sr"> for worker {id}</span>
          </button>
        </>
      ) : (
        <>
          <button type="button" class="button small" disabled={isBusy} onClick={() => onEdit(ASIS)}>
            ASIS<span class="sr"> for worker {id}</span>
          </button>
          <button
            type="button"
            class="button small"
            disabled={isBusy}
            onClick={() => apply({}, 'the configured settings')}
          >
            As configured<span class="sr"> for worker {id}</span>
          </button>
        </>
      )}
    </div>
  );
}

/** As the configuration writes it. */
function written({ keyframeCache, ...rest }: Optimisations): Record<string, unknown> {
  return { ...rest, keyframeCache: { enabled: keyframeCache } };
}
