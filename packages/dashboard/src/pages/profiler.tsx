import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import { bytes, count, seconds as inSeconds, percent } from '../format.ts';
import { type Capture, capture, captures, download, nameOf, type Request } from '../profile/captures.ts';
import { FlameGraph } from '../profile/flame-graph.tsx';
import { compareWith, flameTree, topFunctions } from '../profile/flame-tree.ts';
import { Icon } from '../ui/icon.tsx';
import { Card, Empty, PageHead, Search, Segments } from '../ui/parts.tsx';
import { say } from '../ui/toast.tsx';

const KINDS = [
  ['cpu', 'CPU'],
  ['heap', 'Heap'],
] as const;
const LENGTHS = [2, 5, 10, 30, 60];
const MOST_FUNCTIONS = 40;

/** What the server spends its time or memory on, and what has changed between two looks. */
export function ProfilerPage() {
  const chosen = useSignal<number | undefined>(captures.peek()[0]?.id);
  const before = useSignal<number | undefined>(undefined);
  const shown = captures.value.find(({ id }) => id === chosen.value);
  const other = captures.value.find(
    ({ id }) =>
      id === before.value && id !== chosen.value && shown?.kind === captures.value.find((each) => each.id === id)?.kind,
  );
  return (
    <div class="page">
      <PageHead title="Profiler" detail="Functions by their CPU time or memory, of one thread or of all." />
      <Taker
        onTaken={({ id }) => {
          chosen.value = id;
        }}
      />
      {shown === undefined ? (
        <section class="card" aria-label="Flame graph">
          <Empty icon="profiler" title="No profile yet">
            Take one above: it runs beside the streams and costs them next to nothing. Captures stay until this page is
            closed.
          </Empty>
        </section>
      ) : (
        <>
          <div class="card inline-form">
            <Choice label="Profile" value={shown.id} options={captures.value} onChange={(id) => (chosen.value = id)} />
            <Choice
              label="Compare with"
              value={other?.id}
              options={captures.value.filter(({ id, kind }) => id !== shown.id && kind === shown.kind)}
              none="nothing"
              onChange={(id) => (before.value = id)}
            />
            <button type="button" class="button" onClick={() => download(shown)}>
              <Icon name="download" />
              Download for pprof
            </button>
          </div>
          <Shown capture={shown} before={other} />
        </>
      )}
    </div>
  );
}

type Run = { readonly startedAt: number; readonly abort: AbortController };

function Taker({ onTaken }: { readonly onTaken: (taken: Capture) => void }) {
  const kind = useSignal<Request['kind']>('cpu');
  const thread = useSignal('all');
  const length = useSignal(5);
  const run = useSignal<Run | undefined>(undefined);
  const workers = useFeed(feeds.workers).data.value ?? [];
  useEffect(() => () => run.peek()?.abort.abort(), [run]);
  const take = (): void => {
    const abort = new AbortController();
    run.value = { startedAt: performance.now(), abort };
    capture({ kind: kind.value, thread: thread.value, seconds: length.value }, abort.signal)
      .then(onTaken, (error: unknown) => {
        if (!abort.signal.aborted) say('bad', error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        run.value = undefined;
      });
  };
  return (
    <form
      class="card inline-form"
      aria-label="Take a profile"
      onSubmit={(event) => {
        event.preventDefault();
        if (run.value === undefined) take();
      }}
    >
      <div class="field">
        <span id="profile-kind">Of</span>
        <Segments
          label="Kind of profile"
          value={kind.value}
          options={KINDS}
          onChange={(value) => (kind.value = value)}
        />
      </div>
      <label class="field">
        Thread
        <select
          class="input"
          value={thread.value}
          onChange={({ currentTarget }) => (thread.value = currentTarget.value)}
        >
          <option value="all">all threads</option>
          <option value="main">main</option>
          {workers.map(({ id }) => (
            <option key={id} value={String(id)}>
              worker {id}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        Seconds
        <select
          class="input"
          disabled={kind.value === 'heap'}
          value={length.value}
          onChange={({ currentTarget }) => (length.value = Number(currentTarget.value))}
        >
          {LENGTHS.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      {run.value === undefined ? (
        <button type="submit" class="button primary">
          <Icon name="play" />
          Take profile
        </button>
      ) : (
        <>
          <button type="button" class="button" onClick={() => run.value?.abort.abort()}>
            <Icon name="close" />
            Cancel
          </button>
          <Progress run={run.value} seconds={kind.value === 'cpu' ? length.value : 0} />
        </>
      )}
    </form>
  );
}

function Progress({ run, seconds }: { readonly run: Run; readonly seconds: number }) {
  const bar = useRef<HTMLProgressElement>(null);
  useEffect(() => {
    const timer = setInterval(() => {
      if (bar.current !== null) bar.current.value = (performance.now() - run.startedAt) / 1000;
    }, 200);
    return () => clearInterval(timer);
  }, [run]);
  return (
    <progress
      ref={bar}
      class="progress"
      max={Math.max(0.5, seconds)}
      value={0}
      aria-label="The profile is being taken"
    />
  );
}

type ChoiceProps = {
  readonly label: string;
  readonly value: number | undefined;
  readonly options: readonly Capture[];
  readonly none?: string;
  readonly onChange: (id: number | undefined) => void;
};

function Choice({ label, value, options, none, onChange }: ChoiceProps) {
  return (
    <label class="field">
      {label}
      <select
        class="input"
        value={value ?? ''}
        onChange={({ currentTarget }) => onChange(currentTarget.value === '' ? undefined : Number(currentTarget.value))}
      >
        {none !== undefined && <option value="">{none}</option>}
        {options.map((option) => (
          <option key={option.id} value={option.id}>
            {nameOf(option)}
          </option>
        ))}
      </select>
    </label>
  );
}

type ShownProps = { readonly capture: Capture; readonly before: Capture | undefined };

function Shown({ capture: { profile }, before }: ShownProps) {
  const search = useSignal('');
  const type = Math.max(0, profile.types.length - 1); // the last is the one that pprof shows, too
  const { unit = '' } = profile.types[type] ?? {};
  const root = useMemo(() => {
    const tree = flameTree(profile, type);
    if (before !== undefined)
      compareWith(tree, flameTree(before.profile, Math.max(0, before.profile.types.length - 1)));
    return tree;
  }, [profile, before, type]);
  const top = useMemo(() => topFunctions(root), [root]);
  const topBefore = useMemo(
    () =>
      before === undefined
        ? undefined
        : sharesOf(flameTree(before.profile, Math.max(0, before.profile.types.length - 1))),
    [before],
  );
  const format = (value: number): string => inUnit(value, unit);
  if (root.total === 0)
    return (
      <Card title="Flame graph">
        <Empty icon="profiler" title="Nothing ran">
          No sample fell into this time: the thread was idle.
        </Empty>
      </Card>
    );
  const words = search.value.toLowerCase();
  const rows = top.filter(({ name }) => name.toLowerCase().includes(words)).slice(0, MOST_FUNCTIONS);
  return (
    <>
      <Card
        title={`Flame graph: ${format(root.total)}`}
        end={<Search label="Find functions" value={search.value} onInput={(value) => (search.value = value)} />}
      >
        <FlameGraph root={root} isComparison={before !== undefined} search={search.value} format={format} />
      </Card>
      <Card title="Functions that cost most themselves" isFlush>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
        <section class="table-wrap" tabIndex={0} aria-label="Functions, scrollable">
          <table class="data" aria-label="Functions">
            <thead>
              <tr>
                <th scope="col">Function</th>
                <th scope="col" class="number">
                  Itself
                </th>
                <th scope="col" class="number">
                  Of all
                </th>
                {topBefore !== undefined && (
                  <th scope="col" class="number">
                    Before
                  </th>
                )}
                <th scope="col" class="number p2">
                  With callees
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={`${row.name}\n${row.file}`} class="row">
                  <td class="function" title={row.file}>
                    {row.name}
                  </td>
                  <td class="number nowrap">{format(row.self)}</td>
                  <td class="number nowrap">{percent(row.self / root.total)}</td>
                  {topBefore !== undefined && (
                    <td class="number nowrap">{percent(topBefore.get(`${row.name}\n${row.file}`) ?? 0)}</td>
                  )}
                  <td class="number nowrap p2">{format(row.total)}</td>
                </tr>
              ))}
              {rows.length === 0 && (
                <tr>
                  <td colSpan={topBefore === undefined ? 4 : 5}>No function matches.</td>
                </tr>
              )}
            </tbody>
          </table>
        </section>
      </Card>
    </>
  );
}

function sharesOf(root: ReturnType<typeof flameTree>): ReadonlyMap<string, number> {
  return new Map(topFunctions(root).map(({ name, file, self }) => [`${name}\n${file}`, self / (root.total || 1)]));
}

function inUnit(value: number, unit: string): string {
  if (unit === 'nanoseconds') return inSeconds(value / 1e9);
  return unit === 'bytes' ? bytes(value) : count(value);
}
