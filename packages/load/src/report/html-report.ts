import { bitrateText, countText, msText, percentText } from './format.ts';
import { html, Markup } from './markup.ts';
import { plot } from './plot.ts';
import { delayName, type Report, type StepReport, type ViewerReport } from './report.ts';
import { stepRows } from './text-report.ts';

/** Viewers shown; all are in the JSON. */
const MOST_VIEWERS = 200;

const STYLE = new Markup(`
:root{color-scheme:light dark;--ink:#1a1c1f;--paper:#fff;--faint:#5b6168;--rule:#d9dce0;--l0:#0b62c4;--l1:#c2410c;--bad:#b00020;--good:#0a6b2d;font:16px/1.5 system-ui,sans-serif}
@media (prefers-color-scheme:dark){:root{--ink:#e7e9ec;--paper:#15171a;--faint:#a4abb3;--rule:#383d43;--l0:#6db3ff;--l1:#ffa36b;--bad:#ff8a94;--good:#6fd693}}
body{margin:0;background:var(--paper);color:var(--ink)}
main{max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin-top:2.5rem;border-top:1px solid var(--rule);padding-top:1rem}
.verdict{font-weight:600}.passed{color:var(--good)}.failed{color:var(--bad)}
.plots{margin-top:1.5rem;display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:1rem}
figure{margin:0}figcaption{font-size:.85rem;color:var(--faint)}
svg{width:100%;height:auto;display:block}
svg text{font:11px system-ui,sans-serif;fill:var(--faint)}
.grid{stroke:var(--rule)}.limit{stroke:var(--bad);stroke-dasharray:6 4}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.l0{stroke:var(--l0)}.l1{stroke:var(--l1)}
.key{display:inline-block;width:1.2em;height:.2em;margin:0 .3em .2em .8em}.k0{background:var(--l0)}.k1{background:var(--l1)}
@media (max-width:30rem){svg text{font-size:18px}}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem}
th,td{text-align:left;padding:.15rem .9rem .15rem 0;vertical-align:top;font-variant-numeric:tabular-nums}
thead th{border-bottom:1px solid var(--rule)}tbody th{font-weight:400;color:var(--faint)}
.numbers td{text-align:right}.numbers thead th{text-align:right}
p,li{max-width:60rem}td{overflow-wrap:anywhere}.numbers td{overflow-wrap:normal}
`);

/** A page of its own: no script, nothing is fetched, light and dark. */
export function htmlReport(report: Report): string {
  const { target, host } = report;
  const title =
    target.kind === 'own' ? 'shardcast bench: a server of its own' : `shardcast bench: ${target.whep ?? ''}`;
  const facts: [string, string][] = [
    ['began', report.startedAt],
    ['viewers of', target.kind === 'own' ? 'a Shardcast server on this machine' : (target.whep ?? '')],
    ...(target.publish === null ? [] : ([['published to', target.publish]] satisfies [string, string][])),
    ...(target.serverArguments.length === 0
      ? []
      : ([['options of the server', target.serverArguments.join(' ')]] satisfies [string, string][])),
    ...(report.bitrateBps === null
      ? []
      : ([['a camera has', bitrateText(report.bitrateBps)]] satisfies [string, string][])),
    ['measured from', `${host.processors} processors (${host.cpu}), ${host.system}, Node ${host.node}`],
    ['shardcast', report.version],
  ];
  const verdict = report.interrupted
    ? html`<p class="verdict failed">Interrupted: what was measured until then.</p>`
    : report.passed
      ? html`<p class="verdict passed">Within the limits.</p>`
      : html`<p class="verdict failed">Not within the limits:</p>`;
  const problems =
    report.problems.length === 0 ? [] : [html`<ul>${report.problems.map((problem) => html`<li>${problem}</li>`)}</ul>`];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${verdict}${problems}
${table(facts)}
${report.steps.map((step) => stepSection(step, report))}
<h2>How to read it</h2>
<ul>${notes(report).map((note) => html`<li>${note}</li>`)}</ul>
</main>
</body>
</html>
`.text;
}

function stepSection(step: StepReport, { limits }: Report): Markup {
  const { timeline, ramp } = step;
  const atSeconds = timeline.map((point) => point.atSeconds);
  const line = (name: string, of: (point: (typeof timeline)[number]) => number | null) => ({
    name,
    values: timeline.map(of),
  });
  const delays = delayName(step.delayKind);
  const plots =
    timeline.length === 0
      ? []
      : [
          plot({
            title: 'Bitrate of all viewers',
            unit: 'Mbit/s',
            atSeconds,
            lines: [line('', (p) => p.bitrateBps / 1e6)],
          }),
          plot({
            title: 'Loss',
            unit: '%',
            atSeconds,
            lines: [line('', (p) => p.lossPercent)],
            limit: limits.maxLossPercent,
          }),
          plot({
            title: `Frame ${delays}`,
            unit: 'ms',
            atSeconds,
            lines: [line('p50', (p) => p.delayP50Ms), line('p99', (p) => p.delayP99Ms)],
            limit: limits.maxDelayMs,
          }),
          ramp === null
            ? plot({ title: 'Interarrival jitter, mean', unit: 'ms', atSeconds, lines: [line('', (p) => p.jitterMs)] })
            : plot({ title: 'Viewers', unit: 'joined', atSeconds, lines: [line('', (p) => p.viewers)] }),
        ];
  const levels =
    ramp === null
      ? []
      : [
          numbers(
            `Levels of ${step.name}`,
            ['viewers', 'loss', `${delays} p99`, 'held'],
            ramp.levels.map((l) => [
              countText(l.viewers),
              percentText(l.lossPercent),
              msText(l.delayP99Ms),
              l.held ? 'yes' : 'no',
            ]),
          ),
        ];
  return html`<h2>${step.name}</h2>
${table(stepRows(step))}
<div class="plots">${plots}</div>
${levels}${viewerTable(step)}`;
}

function viewerTable({ perViewer }: StepReport): Markup {
  if (perViewer.length === 0) return html``;
  // The worst first: who looks at single viewers looks for those.
  const sorted = perViewer.toSorted((a, b) => b.lossPercent - a.lossPercent || b.jitterMs - a.jitterMs);
  const shown = sorted.slice(0, MOST_VIEWERS);
  const more = perViewer.length > shown.length ? `, the worst ${shown.length}` : ', worst first';
  const heads = [
    'viewer',
    'packets',
    'lost',
    'loss',
    'reordered',
    'doubled',
    'jitter',
    'bitrate',
    'answer',
    'first packet',
    'first keyframe',
    'codecs',
  ];
  const row = (v: ViewerReport) => [
    String(v.number),
    countText(v.packets),
    countText(v.lost),
    percentText(v.lossPercent),
    countText(v.reordered),
    countText(v.duplicated),
    msText(v.jitterMs),
    bitrateText(v.bitrateBps),
    msText(v.answerMs),
    msText(v.firstPacketMs),
    msText(v.firstKeyframeMs),
    v.codecs.join(' '),
  ];
  return html`<details><summary>${perViewer.length} viewers${more}</summary>
${numbers('Viewers', heads, shown.map(row))}</details>`;
}

function table(rows: readonly (readonly [name: string, value: string])[]): Markup {
  return html`<div class="scroll"><table><tbody>
${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</tbody></table></div>`;
}

function numbers(caption: string, heads: readonly string[], rows: readonly (readonly string[])[]): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="numbers"><thead><tr>
${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>
${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody></table></div>`;
}

function notes({ steps }: Report): readonly string[] {
  const kinds = new Set(steps.map(({ delayKind }) => delayKind));
  return [
    'Lost: gaps in the sequence numbers that viewers got. They ask for no retransmission, so that what the network or the server loses is seen.',
    ...(kinds.has('latency')
      ? [
          'Frame latency: from the write of a frame by a camera of this command to the arrival of its last packet at a viewer, by one clock. Encoding, decoding and a player’s buffer are not in it. At most 4.4 % too high.',
        ]
      : []),
    ...(kinds.has('variation')
      ? [
          'Frame delay variation: how much later a frame’s last packet came than the fastest of the stream, by the RTP timestamps. The sender’s own unevenness, and a large frame’s sending time, are in it. It is no latency: the streams are not this command’s, so nobody knows when they were sent.',
        ]
      : []),
    'Jitter: interarrival jitter of RFC 3550, of the worst stream of a viewer.',
    'Times to answer, connection, packet and keyframe count from the viewer’s request; this command’s own part of the handshake is in them.',
    'This command itself: where it takes nearly all of its processors, or is late by more than some ms, it is what was measured.',
  ];
}
