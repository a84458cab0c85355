import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { encodeName, get } from '../api/client.ts';
import { useFeed, useOwnFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import type { Examination, ExaminedTrack, Stream } from '../api/shapes.ts';
import { Chart } from '../chart/chart.tsx';
import { bitrate, bytes, cores, count, percent, seconds, since, UNKNOWN } from '../format.ts';
import { linkTo, route, setQuery } from '../router.ts';
import { Icon } from '../ui/icon.tsx';
import { Video } from '../ui/media.tsx';
import { Badge, Card, Empty, Note, PageHead, Segments, Stat, Waiting } from '../ui/parts.tsx';
import { useHistory } from './history.ts';
import { valuesOf, WINDOWS, windowFrom } from './history-window.ts';
import { PlacementFacts } from './placement.tsx';
import { SessionTable } from './session-table.tsx';
import { sourceName } from './source-name.ts';

/** One stream: its picture, its figures, what the doctor says of it, who watches it, and why it is where it is. */
export function StreamPage({ name }: { readonly name: string }) {
  const { data, error } = useOwnFeed(name, (signal) => get<Stream>(`paths/get/${encodeName(name)}`, signal), 1_000);
  const stream = data.value;
  const window = windowFrom(route.value.query.get('window'));
  return (
    <div class="page">
      <PageHead title={name} crumb={<a href={linkTo('streams')}>← Streams</a>}>
        {stream !== undefined && (
          <Badge tone={stream.online ? 'ok' : 'bad'}>
            {stream.online ? `online for ${since(stream.onlineTime)}` : 'offline'}
          </Badge>
        )}
        <Segments
          label="Time shown"
          value={window}
          options={WINDOWS}
          onChange={(value) => setQuery({ window: value })}
        />
      </PageHead>
      {error.value?.status === 404 && stream !== undefined && <Note tone="warn">This stream has ended.</Note>}
      {stream === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <>
          {!stream.online && <Note tone="bad">{stream.reason ?? 'This stream is offline.'}</Note>}
          <Figures stream={stream} />
          <div class="stream-top">
            <Picture stream={stream} />
            <div class="stack">
              <About stream={stream} />
              <Card title="Placement">
                <PlacementFacts name={name} />
              </Card>
            </div>
          </div>
          <Graphs name={name} window={window} />
          <Doctor name={name} />
          <Readers name={name} />
        </>
      )}
    </div>
  );
}

function Figures({ stream: { stats, readerCount } }: { readonly stream: Stream }) {
  return (
    <dl class="stats" aria-label="Now">
      <Stat label="Viewers" value={count(readerCount)} />
      <Stat label="In" value={bitrate(stats?.inboundBitrate)} detail={`${count(stats?.inboundPackets)} packets/s`} />
      <Stat label="Out" value={bitrate(stats?.outboundBitrate)} detail={`${count(stats?.outboundPackets)} packets/s`} />
      <Stat
        label="Loss"
        value={percent(stats?.lossRatio)}
        detail={`${count(stats?.inboundLost)} packets so far`}
        tone={(stats?.lossRatio ?? 0) > 0.001 ? 'warn' : ''}
      />
      <Stat
        label="Last keyframe"
        value={seconds(stats?.secondsSinceKeyframe)}
        detail={`${count(stats?.keyframes)} so far`}
      />
      <Stat label="CPU" value={cores(stats?.cpuCores)} detail={`${cores(stats?.cpuCoresPerViewer)} a viewer`} />
      <Stat
        label="Memory"
        value={bytes(stats?.memoryBytes)}
        detail={`${bytes(stats?.memoryBytesPerViewer)} a viewer`}
      />
    </dl>
  );
}

function Picture({ stream }: { readonly stream: Stream }) {
  const isPlaying = useSignal(true);
  return (
    <section class="card picture" aria-label="Live picture">
      {stream.online && isPlaying.value ? (
        <Video name={stream.name} hasControls />
      ) : (
        <div class="video">
          <div class="empty">
            <Icon name="streams" />
            <strong>{stream.online ? 'Stopped' : 'No picture'}</strong>
          </div>
        </div>
      )}
      <div class="picture-foot">
        <span class="muted">Counts as a viewer while it plays.</span>
        <button
          type="button"
          class="button small"
          disabled={!stream.online}
          onClick={() => {
            isPlaying.value = !isPlaying.value;
          }}
        >
          {isPlaying.value ? 'Stop' : 'Play'}
        </button>
      </div>
    </section>
  );
}

function About({ stream }: { readonly stream: Stream }) {
  const skipped = stream.skippedTracks.map(({ codec, skipped: reason }) => `${codec} (${reason ?? 'not playable'})`);
  return (
    <Card title="Stream">
      <dl class="facts">
        <dt>Source</dt>
        <dd>{sourceName(stream)}</dd>
        <dt>Configured by</dt>
        <dd>
          <a href={linkTo('configuration', stream.confName)}>{stream.confName}</a>
        </dd>
        <dt>Codecs</dt>
        <dd>{stream.tracks.join(', ') || UNKNOWN}</dd>
        {skipped.length > 0 && (
          <>
            <dt>Left out</dt>
            <dd>{skipped.join(', ')}</dd>
          </>
        )}
        <dt>Worker</dt>
        <dd>
          {stream.worker === null ? (
            UNKNOWN
          ) : (
            <a href={linkTo('workers', String(stream.worker))}>Worker {stream.worker}</a>
          )}
        </dd>
        <dt>Received</dt>
        <dd>{bytes(stream.bytesReceived)}</dd>
        <dt>Sent</dt>
        <dd>{bytes(stream.bytesSent)}</dd>
      </dl>
    </Card>
  );
}

const SERIES = ['inboundBitrate', 'outboundBitrate', 'lossRatio', 'viewers', 'cpuCores'] as const;

function Graphs({ name, window }: { readonly name: string; readonly window: ReturnType<typeof windowFrom> }) {
  const { history, error } = useHistory(window, SERIES, name);
  const lines = useMemo(() => {
    if (history === undefined) return undefined;
    const values = (series: (typeof SERIES)[number]) => valuesOf(history, series);
    return {
      traffic: [
        { label: 'Out', colour: '--chart-1', values: values('outboundBitrate') },
        { label: 'In', colour: '--chart-2', values: values('inboundBitrate') },
      ] as const,
      viewers: [{ label: 'Viewers', colour: '--chart-1', values: values('viewers') }] as const,
      loss: [{ label: 'Lost', colour: '--chart-4', values: values('lossRatio') }] as const,
      cpu: [{ label: 'CPU', colour: '--chart-3', values: values('cpuCores') }] as const,
    };
  }, [history]);
  if (history === undefined || lines === undefined) {
    if (error?.status !== 404) return <Waiting error={error} />;
    return (
      <Card title="History">
        <Empty icon="streams" title="Nothing measured yet">
          Figures are kept once the stream has been online.
        </Empty>
      </Card>
    );
  }
  const { times } = history;
  return (
    <div class="grid halves">
      <Chart title="Traffic" times={times} series={lines.traffic} format={bitrate} atLeast={1_000} />
      <Chart title="Viewers" times={times} series={lines.viewers} format={count} atLeast={4} />
      <Chart title="Loss" times={times} series={lines.loss} format={percent} atLeast={0.001} />
      <Chart title="CPU" times={times} series={lines.cpu} format={cores} atLeast={0.001} />
    </div>
  );
}

const TONES = { problem: 'bad', warning: 'warn', hint: 'info' } as const;

/** What the stream is, which browsers play it, and what to change. */
function Doctor({ name }: { readonly name: string }) {
  const { data, error } = useOwnFeed(
    `doctor/${name}`,
    (signal) => get<Examination>(`paths/doctor/${encodeName(name)}`, signal),
    5_000,
  );
  const examination = data.value;
  if (examination === undefined) return <Card title="Camera doctor">{<Waiting error={error.value} />}</Card>;
  return (
    <Card title="Camera doctor">
      <div class="stack">
        {examination.findings.length === 0 ? (
          <Note tone="ok">Nothing is wrong with this stream.</Note>
        ) : (
          <ul class="stack">
            {examination.findings.map(({ code, severity, message, advice }) => (
              <li key={code + message}>
                <Note tone={TONES[severity]}>
                  <strong>{message}</strong>
                  <br />
                  {advice}
                </Note>
              </li>
            ))}
          </ul>
        )}
        {examination.tracks.length > 0 && (
          <div class="grid halves">
            {examination.tracks.map((track, index) => (
              <TrackFacts key={index} track={track} />
            ))}
          </div>
        )}
      </div>
    </Card>
  );
}

function played({ plays, why }: ExaminedTrack['browsers']['chrome']): string {
  return why === null ? plays : `${plays}: ${why}`;
}

function TrackFacts({ track }: { readonly track: ExaminedTrack }) {
  const { width, height, framesPerSecond, browsers } = track;
  const facts: readonly (readonly [string, string | null])[] = [
    ['Codec', [track.codec, track.profile, track.level].filter((part) => part !== null).join(' ')],
    ['Size', width === null || height === null ? null : `${width} × ${height}`],
    ['Frame rate', framesPerSecond === null ? null : `${framesPerSecond} fps`],
    ['Bit rate', track.bitsPerSecond === null ? null : bitrate(track.bitsPerSecond)],
    ['Keyframe interval', track.keyframeIntervalSeconds === null ? null : seconds(track.keyframeIntervalSeconds)],
    ['B-frames', track.bFrames === null ? null : track.bFrames ? 'yes' : 'no'],
    ['Parameter sets', track.parameterSets],
    ['Loss', track.lostShare === null ? null : percent(track.lostShare)],
    ['Jitter', track.jitterMs === null ? null : `${track.jitterMs} ms`],
    ['Clock drift', track.clockDriftPpm === null ? null : `${track.clockDriftPpm} ppm`],
    ['Chrome plays it', played(browsers.chrome)],
    ['Firefox plays it', played(browsers.firefox)],
    ['Safari plays it', played(browsers.safari)],
  ];
  return (
    <div>
      <h3 class="track-title">{track.kind === 'video' ? 'Video' : 'Audio'}</h3>
      <dl class="facts">
        {facts.map(([label, value]) =>
          value === null ? null : (
            <>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </>
          ),
        )}
      </dl>
    </div>
  );
}

function Readers({ name }: { readonly name: string }) {
  const { data, error } = useFeed(feeds.sessions);
  const rows = useMemo(() => data.value?.filter(({ path }) => path === name), [data.value, name]);
  return (
    <Card title="Sessions of this stream" isFlush>
      {rows === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <SessionTable rows={rows} hasPath={false} empty={<Empty icon="sessions" title="Nobody watches" />} />
      )}
    </Card>
  );
}
