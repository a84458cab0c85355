import { useMemo } from 'preact/hooks';
import { useFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import type { AlarmRule, History, Overview, Stream } from '../api/shapes.ts';
import { Chart, type ChartColour, type ChartSeries } from '../chart/chart.tsx';
import { bitrate, bytes, count, duration, inUnit, percent, seconds, since } from '../format.ts';
import { linkTo, route, setQuery } from '../router.ts';
import { Badge, Card, Dot, Empty, PageHead, Segments, Stat, type Tone, Waiting } from '../ui/parts.tsx';
import { useHistory } from './history.ts';
import { valuesOf, WINDOWS, windowFrom } from './history-window.ts';

const SERIES = [
  'cpuRatio',
  'rssBytes',
  'heapBytes',
  'streams',
  'viewers',
  'inboundBitrate',
  'outboundBitrate',
  'lossRatio',
  'eventLoopLagSeconds',
] as const;

/** How the whole process is: what it carries, what that costs, and whether anything needs a hand. */
export function OverviewPage() {
  const { data, error } = useFeed(feeds.overview);
  const window = windowFrom(route.value.query.get('window'));
  const overview = data.value;
  return (
    <div class="page">
      <PageHead title="Overview" detail={overview && summaryOf(overview)}>
        <Segments
          label="Time shown"
          value={window}
          options={WINDOWS}
          onChange={(value) => setQuery({ window: value })}
        />
      </PageHead>
      {overview === undefined ? <Waiting error={error.value} /> : <Figures overview={overview} />}
      <Graphs window={window} />
      <Attention />
    </div>
  );
}

function summaryOf({ workers, limits, uptimeSeconds }: Overview): string {
  return `${workers} ${workers === 1 ? 'worker' : 'workers'} on ${limits.cores} ${limits.cores === 1 ? 'core' : 'cores'}, up ${duration(uptimeSeconds)}`;
}

function Figures({ overview }: { readonly overview: Overview }) {
  const { limits, alarms, cpuRatio, lossRatio, rssBytes } = overview;
  return (
    <dl class="stats" aria-label="Now">
      <Stat label="Streams" value={count(overview.streams)} detail={`of ${count(overview.paths)} paths`} />
      <Stat label="Viewers" value={count(overview.viewers)} detail={`${count(overview.sessions)} sessions`} />
      <Stat label="In" value={bitrate(overview.inboundBitrate)} detail="from sources" />
      <Stat
        label="Out"
        value={bitrate(overview.outboundBitrate)}
        detail={`${count(overview.outboundPackets)} packets/s`}
      />
      <Stat
        label="CPU"
        value={percent(cpuRatio)}
        detail={`of ${limits.cores} ${limits.cores === 1 ? 'core' : 'cores'}`}
        tone={toneAt(cpuRatio, 0.7, 0.9)}
      />
      <Stat label="Memory" value={bytes(rssBytes)} detail={`of ${bytes(limits.memoryBytes)}`} />
      <Stat label="Loss" value={percent(lossRatio)} detail="from sources" tone={toneAt(lossRatio, 0.001, 0.01)} />
      <Stat
        label="Alarms"
        value={count(alarms.firing)}
        detail={<a href={linkTo('alarms')}>{alarms.pending > 0 ? `${alarms.pending} pending` : 'show all'}</a>}
        tone={alarms.firing > 0 ? 'bad' : ''}
      />
    </dl>
  );
}

function toneAt(value: number | null, warn: number, bad: number): Tone {
  if (value === null || value < warn) return '';
  return value < bad ? 'warn' : 'bad';
}

function Graphs({ window }: { readonly window: ReturnType<typeof windowFrom> }) {
  const { history, error } = useHistory(window, SERIES);
  const rules = useFeed(feeds.rules).data.value?.items;
  const lines = useMemo(() => history && linesOf(history), [history]);
  if (history === undefined || lines === undefined) return <Waiting error={error} />;
  const { times } = history;
  return (
    <div class="grid halves">
      <Chart title="Traffic" times={times} series={lines.traffic} format={bitrate} atLeast={1_000} />
      <Chart
        title="CPU"
        times={times}
        series={lines.cpu}
        format={percent}
        atLeast={0.1}
        limit={limitOf(rules, 'CpuHigh')}
      />
      <Chart title="Streams and viewers" times={times} series={lines.viewers} format={count} atLeast={4} />
      <Chart
        title="Memory"
        times={times}
        series={lines.memory}
        format={bytes}
        atLeast={2 ** 26}
        limit={limitOf(rules, 'MemoryHigh')}
        isBytes
      />
      <Chart title="Loss" times={times} series={lines.loss} format={percent} atLeast={0.001} />
      <Chart title="Event loop lag" times={times} series={lines.lag} format={seconds} atLeast={0.01} />
    </div>
  );
}

function linesOf(history: History) {
  const line = (label: string, colour: ChartColour, name: (typeof SERIES)[number]): ChartSeries => ({
    label,
    colour,
    values: valuesOf(history, name),
  });
  return {
    traffic: [line('Out', '--chart-1', 'outboundBitrate'), line('In', '--chart-2', 'inboundBitrate')],
    cpu: [line('CPU', '--chart-1', 'cpuRatio')],
    viewers: [line('Viewers', '--chart-1', 'viewers'), line('Streams', '--chart-2', 'streams')],
    memory: [line('Process', '--chart-1', 'rssBytes'), line('Heap', '--chart-3', 'heapBytes')],
    loss: [line('Lost', '--chart-4', 'lossRatio')],
    lag: [line('Lag', '--chart-3', 'eventLoopLagSeconds')],
  };
}

/** The threshold of an alarm, as a line in a chart. */
function limitOf(rules: readonly AlarmRule[] | undefined, name: string) {
  const rule = rules?.find((candidate) => candidate.name === name);
  if (rule === undefined || !rule.enabled) return undefined;
  return { value: rule.threshold, label: `alarm at ${inUnit(rule.threshold, rule.unit)}` };
}

const MOST_SHOWN = 8;

function Attention() {
  const { data, error } = useFeed(feeds.streams);
  const alarms = useFeed(feeds.alarms).data.value?.filter(({ state }) => state === 'firing') ?? [];
  if (data.value === undefined) return <Waiting error={error.value} />;
  // A path that only waits for a publisher is no fault.
  const lost = data.value.filter((stream) => !stream.online && stream.worker !== null);
  return (
    <Card
      title="Needs attention"
      end={lost.length > 0 && <a href={linkTo('streams', '', { show: 'offline' })}>All offline</a>}
      isFlush
    >
      {alarms.length + lost.length === 0 ? (
        <Empty icon="ok" title="Nothing">
          No alarm fires, and no camera is lost.
        </Empty>
      ) : (
        <ul class="rows">
          {alarms.slice(0, MOST_SHOWN).map((alarm) => (
            <li key={alarm.id}>
              <Dot tone={alarm.severity === 'critical' ? 'bad' : 'warn'} />
              <a href={linkTo('alarms')}>{alarm.name}</a>
              <span class="clip grow">{alarm.summary}</span>
              <span class="muted nowrap">{since(alarm.firingSince)}</span>
            </li>
          ))}
          {lost.slice(0, MOST_SHOWN).map((stream) => (
            <LostRow key={stream.name} stream={stream} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function LostRow({ stream }: { readonly stream: Stream }) {
  return (
    <li>
      <Dot tone="bad" />
      <a href={linkTo('streams', stream.name)}>{stream.name}</a>
      <span class="clip grow">{stream.reason ?? 'offline'}</span>
      <Badge>offline</Badge>
    </li>
  );
}
