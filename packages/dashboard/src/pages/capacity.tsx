import { get } from '../api/client.ts';
import { useOwnFeed } from '../api/feed.ts';
import type { Capacity, CapacityFigures } from '../api/shapes.ts';
import { bitrate, bytes, cores, count, inUnit, percent, UNKNOWN } from '../format.ts';
import { Badge, Card, Meter, Note, PageHead, Stat, Waiting } from '../ui/parts.tsx';

const RESOURCES: Readonly<Record<string, string>> = {
  cpu: 'CPU of the host',
  'worker-cpu': 'CPU of the workers',
  memory: 'Memory',
  bandwidth: 'Network',
  'file-descriptors': 'File descriptors',
  sessions: 'Sessions',
};

/** How much more fits, what it would cost, and what ends it. */
export function CapacityPage() {
  const { data, error } = useOwnFeed('capacity', (signal) => get<Capacity>('capacity', signal), 5_000);
  const capacity = data.value;
  return (
    <div class="page">
      <PageHead
        title="Capacity"
        detail="How many more streams and viewers of the present kind fit before something is used up."
      />
      {capacity === undefined ? <Waiting error={error.value} /> : <Forecast capacity={capacity} />}
    </div>
  );
}

function Forecast({ capacity }: { readonly capacity: Capacity }) {
  const { room, mix, cost } = capacity;
  return (
    <>
      {cost.basis === 'typical' && (
        <Note tone="info">
          There is not enough load to measure by yet: costs are typical ones of the benchmark's machine.
        </Note>
      )}
      <dl class="stats" aria-label="Forecast">
        <Stat
          label="More streams"
          value={count(room.streams)}
          detail={`${mix.viewersPerStream.toFixed(1)} viewers each; ${nameOf(room.limitedBy.streams)}`}
        />
        <Stat
          label="More viewers"
          value={count(room.viewers)}
          detail={`of these streams; ${nameOf(room.limitedBy.viewers)}`}
        />
        <Stat label="A stream costs" value={cores(cost.cpuCoresPerStream)} detail={bytes(cost.memoryBytesPerStream)} />
        <Stat label="A viewer costs" value={cores(cost.cpuCoresPerViewer)} detail={bytes(cost.memoryBytesPerViewer)} />
        <Stat
          label="Present mix"
          value={`${count(mix.streams)} streams`}
          detail={`${count(mix.viewers)} viewers, ${bitrate(mix.inboundBitratePerStream)} a stream`}
        />
      </dl>
      <Limits capacity={capacity} />
      <Forecasts capacity={capacity} />
    </>
  );
}

function nameOf(resource: string | null): string {
  return resource === null ? 'nothing known ends it' : `it ends by: ${RESOURCES[resource] ?? resource}`;
}

function Limits({ capacity }: { readonly capacity: Capacity }) {
  return (
    <Card title="What is used of what" isFlush>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section class="table-wrap" tabIndex={0} aria-label="Resources, scrollable">
        <table class="data" aria-label="Resources">
          <thead>
            <tr>
              <th scope="col">Resource</th>
              <th scope="col" class="meter-column">
                Of what is to be used
              </th>
              <th scope="col" class="number">
                Used
              </th>
              <th scope="col" class="number p2">
                To be used
              </th>
              <th scope="col" class="number p3">
                There is
              </th>
              <th scope="col" class="number">
                More streams
              </th>
              <th scope="col" class="number">
                More viewers
              </th>
            </tr>
          </thead>
          <tbody>
            {capacity.limits.map(({ resource, unit, used, usable, total, streams, viewers }) => {
              const name = RESOURCES[resource] ?? resource;
              const share = usable === null || usable === 0 ? undefined : used / usable;
              return (
                <tr key={resource} class="row">
                  <td class="nowrap">
                    <strong>{name}</strong>{' '}
                    {resource === capacity.room.limitedBy.streams && <Badge tone="warn">ends first</Badge>}
                  </td>
                  <td class="meter-column">
                    {share === undefined ? (
                      <span class="muted">no limit known</span>
                    ) : (
                      <Meter label={name} ratio={share} text={percent(share)} />
                    )}
                  </td>
                  <td class="number nowrap">{inUnit(used, unit)}</td>
                  <td class="number nowrap p2">{inUnit(usable, unit)}</td>
                  <td class="number nowrap p3">{inUnit(total, unit)}</td>
                  <td class="number">{count(streams)}</td>
                  <td class="number">{count(viewers)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </Card>
  );
}

/** The report's table: so many streams with the four optimisations off (ASIS) and on (TOBE). */
function Forecasts({ capacity }: { readonly capacity: Capacity }) {
  const { table, asis } = capacity;
  return (
    <Card title="Forecast" end={<span class="muted">ASIS by {asis.source}</span>} isFlush>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section class="table-wrap" tabIndex={0} aria-label="Forecast, scrollable">
        <table class="data" aria-label="Forecast by number of streams">
          <thead>
            <tr>
              <th scope="col" class="number">
                Streams
              </th>
              <th scope="col" class="number">
                Viewers
              </th>
              <th scope="col" class="number">
                CPU, ASIS
              </th>
              <th scope="col" class="number">
                CPU, TOBE
              </th>
              <th scope="col" class="number p2">
                Memory, ASIS
              </th>
              <th scope="col" class="number p2">
                Memory, TOBE
              </th>
              <th scope="col">Fits</th>
            </tr>
          </thead>
          <tbody>
            {table.map((row) => (
              <tr key={row.streams} class="row">
                <td class="number">
                  <strong>{count(row.streams)}</strong>
                </td>
                <td class="number">{count(row.viewers)}</td>
                <CpuCell figures={row.asis} />
                <CpuCell figures={row.tobe} />
                <td class="number nowrap p2">{bytes(row.asis.rssBytes)}</td>
                <td class="number nowrap p2">{bytes(row.tobe.rssBytes)}</td>
                <td class="nowrap">
                  <Badge tone={row.tobe.fits ? 'ok' : 'bad'}>{row.tobe.fits ? 'yes' : 'no'}</Badge>{' '}
                  {row.tobe.fits && !row.asis.fits && <span class="muted">not without the optimisations</span>}
                </td>
              </tr>
            ))}
            {table.length === 0 && (
              <tr>
                <td colSpan={7}>{UNKNOWN}</td>
              </tr>
            )}
          </tbody>
        </table>
      </section>
    </Card>
  );
}

function CpuCell({ figures }: { readonly figures: CapacityFigures }) {
  return (
    <td class={`number nowrap ${figures.fits ? '' : 'over'}`}>
      {percent(figures.cpuRatio)} <span class="muted">{cores(figures.cpuCores)}</span>
    </td>
  );
}
