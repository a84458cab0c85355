import { useFeed } from '../api/feed.ts';
import { feeds } from '../api/feeds.ts';
import type { Alarm, AlarmRule } from '../api/shapes.ts';
import { count, duration, inUnit, since } from '../format.ts';
import { linkTo } from '../router.ts';
import { Badge, Card, Empty, PageHead, type Tone, Waiting } from '../ui/parts.tsx';

/** What is wrong, for how long, and what to do about it; and the rules by which that is judged. */
export function AlarmsPage() {
  const { data, error } = useFeed(feeds.alarms);
  const alarms = data.value;
  const firing = alarms?.filter(({ state }) => state === 'firing').length ?? 0;
  const pending = alarms?.filter(({ state }) => state === 'pending').length ?? 0;
  return (
    <div class="page">
      <PageHead title="Alarms" detail={alarms && `${count(firing)} firing, ${count(pending)} pending`} />
      {alarms === undefined ? (
        <Waiting error={error.value} />
      ) : (
        <section class="card" aria-label="Alarms now" aria-live="polite">
          {alarms.length === 0 ? (
            <Empty icon="ok" title="All is well">
              Nothing is over its threshold, and nothing was within the last hour.
            </Empty>
          ) : (
            <ul class="alarms">
              {alarms.map((alarm) => (
                <AlarmRow key={alarm.id} alarm={alarm} />
              ))}
            </ul>
          )}
        </section>
      )}
      <Rules />
    </div>
  );
}

function toneOf({ state, severity }: Alarm): Tone {
  if (state === 'resolved') return 'ok';
  if (state === 'pending') return 'warn';
  return severity === 'critical' ? 'bad' : 'warn';
}

function AlarmRow({ alarm }: { readonly alarm: Alarm }) {
  const { name, labels, state, severity, value, threshold, unit, summary, advice, runbook } = alarm;
  const { path, worker } = labels;
  const time = { pending: alarm.pendingSince, firing: alarm.firingSince, resolved: alarm.resolvedAt }[state];
  return (
    <li>
      <div class="alarm-state">
        <Badge tone={toneOf(alarm)}>{state}</Badge>
        <span class="muted">{severity}</span>
      </div>
      <div class="alarm-text">
        <h2>
          {name} {path !== undefined && <a href={linkTo('streams', path)}>{path}</a>}
          {worker !== undefined && <a href={linkTo('workers')}>worker {worker}</a>}
        </h2>
        <p>{summary}</p>
        <p class="muted">
          What to do: {advice}. <code>{runbook}</code>
        </p>
      </div>
      <dl class="alarm-value">
        <div>
          <dt>Value</dt>
          <dd>{inUnit(value, unit)}</dd>
        </div>
        <div>
          <dt>Threshold</dt>
          <dd>{inUnit(threshold, unit)}</dd>
        </div>
        <div>
          <dt>{state === 'resolved' ? 'Resolved' : 'For'}</dt>
          <dd>{state === 'resolved' ? `${since(time)} ago` : since(time)}</dd>
        </div>
      </dl>
    </li>
  );
}

function Rules() {
  const { data, error } = useFeed(feeds.rules);
  if (data.value === undefined) return <Waiting error={error.value} />;
  return (
    <Card title="Rules" end={<a href={linkTo('configuration', '', { search: 'alarm' })}>Change</a>} isFlush>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section class="table-wrap" tabIndex={0} aria-label="Rules, scrollable">
        <table class="data" aria-label="Rules">
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Fires when</th>
              <th scope="col">For</th>
              <th scope="col" class="p2">
                Severity
              </th>
              <th scope="col" class="p2">
                Of each
              </th>
              <th scope="col" class="p3">
                What to do
              </th>
            </tr>
          </thead>
          <tbody>
            {data.value.items.map((rule) => (
              <RuleRow key={rule.name} rule={rule} />
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
}

function RuleRow({ rule }: { readonly rule: AlarmRule }) {
  return (
    <tr class="row" title={rule.summary}>
      <td class="nowrap">
        <strong>{rule.name}</strong> {!rule.enabled && <Badge>off</Badge>}
      </td>
      <td class="nowrap">
        {rule.comparison} {inUnit(rule.threshold, rule.unit)}
      </td>
      <td class="nowrap">{duration(rule.forSeconds)}</td>
      <td class="p2">{rule.severity}</td>
      <td class="p2">{rule.scope}</td>
      <td class="p3 muted">{rule.advice}</td>
    </tr>
  );
}
