import { expect, test } from 'vitest';
import { htmlReport } from './html-report.ts';
import { html } from './markup.ts';
import { plot } from './plot.ts';
import { problemsOf, type Report, type StepReport } from './report.ts';
import { textReport } from './text-report.ts';

const EVIL = `"><script>alert('1')</script>&`;

const SPREAD = { p50: 1, p99: 2, max: 3 };
const STEP: StepReport = {
  name: '1x2',
  streams: 1,
  viewers: 2,
  joined: 2,
  failures: [],
  silentViewers: 0,
  seconds: 2,
  packets: 2000,
  sessionPackets: 2500,
  packetsPerSecond: 1000,
  bitrateBps: 9.3e6,
  lost: 0,
  lossPercent: 0,
  reordered: 0,
  duplicated: 0,
  bad: 0,
  camerasSkipped: null,
  camerasGone: null,
  jitterMs: { mean: 0.5, max: 1 },
  delayKind: 'variation',
  delayMs: SPREAD,
  joinMs: { answer: SPREAD, connected: SPREAD, firstPacket: SPREAD, firstKeyframe: null },
  server: null,
  generator: { cpuPercent: 5, lagMs: 1 },
  ramp: null,
  timeline: [1, 2, 3].map((atSeconds) => ({
    atSeconds,
    viewers: 2,
    bitrateBps: 9e6,
    packetsPerSecond: 1000,
    lossPercent: 0,
    delayP50Ms: atSeconds === 2 ? null : 1,
    delayP99Ms: 2,
    jitterMs: 0.5,
  })),
  perViewer: [],
};
const LIMITS = { maxLossPercent: 0.1, maxDelayMs: null };
const REPORT: Report = {
  tool: 'shardcast bench',
  version: '1',
  startedAt: '2026-01-01T00:00:00.000Z',
  target: { kind: 'remote', whep: `http://host/${EVIL}`, publish: null, serverArguments: [] },
  host: { cpu: 'c', processors: 2, system: 's', node: 'v' },
  limits: LIMITS,
  bitrateBps: null,
  steps: [{ ...STEP, failures: [{ reason: EVIL, count: 1 }] }],
  interrupted: false,
  passed: false,
  problems: [EVIL],
};

test('what a server says cannot become markup', () => {
  const page = htmlReport(REPORT);
  expect(page).not.toContain('<script');
  expect(page).toContain('&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;');
  expect(html`<a title="${EVIL}">${[EVIL]}</a>`.text).not.toMatch(/"><script|'1'/);
});

test('the page asks nobody for anything', () => {
  const page = htmlReport({ ...REPORT, target: { ...REPORT.target, whep: 'x' } });
  expect(page).not.toMatch(/(src|href)="(?!data:)/);
  expect(page).not.toMatch(/url\(|@import|https?:/);
  expect(page).toContain("default-src 'none'");
});

test('latency is only spoken of where it was measured', () => {
  expect(htmlReport(REPORT)).toContain('It is no latency');
  expect(htmlReport(REPORT)).not.toContain('Frame latency');
  const own = htmlReport({ ...REPORT, steps: [{ ...STEP, delayKind: 'latency' }] });
  expect(own).toContain('Frame latency');
  expect(own).not.toContain('delay variation');
});

test('a plot has a gap where nothing was measured and holds all of its values', () => {
  const { text } = plot({ title: 't', unit: 'u', atSeconds: [0, 1, 2], lines: [{ name: '', values: [1, null, 7] }] });
  expect(text.match(/M/g)).toHaveLength(2);
  expect(text).not.toContain('NaN');
  const heights = [...text.matchAll(/M[\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y));
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(8);
  const empty = plot({ title: 't', unit: 'u', atSeconds: [], lines: [{ name: '', values: [] }] });
  expect(empty.text).not.toMatch(/NaN|Infinity/);
});

test('the text names every failure once in its step and once in the verdict', () => {
  const text = textReport({
    ...REPORT,
    problems: ['1x2: 1 failed: gone'],
    steps: [{ ...STEP, failures: [{ reason: 'gone', count: 1 }] }],
  });
  expect(text.match(/gone/g)).toHaveLength(2);
});

test.for([
  ['nothing', {}, {}, []],
  ['loss', { lossPercent: 0.2 }, {}, ['1x2: 0.200 % lost, the limit is 0.1 %']],
  ['loss at the limit', { lossPercent: 0.1 }, {}, []],
  ['delay without a limit', { delayMs: { p50: 1, p99: 900, max: 900 } }, {}, []],
  [
    'delay',
    { delayMs: { p50: 1, p99: 90, max: 99 } },
    { maxDelayMs: 50 },
    ['1x2: delay variation p99 90.0 ms, the limit is 50 ms'],
  ],
  ['silence', { silentViewers: 1 }, {}, ['1x2: 1 joined and got nothing, or nothing any more']],
  ['publishers that are gone', { camerasGone: 2 }, {}, ['1x2: the server ended 2 publishers']],
  ['wrong content', { bad: 3 }, {}, ['1x2: 3 packets are not what was sent']],
  ['failures', { joined: 1, failures: [{ reason: 'x', count: 1 }] }, {}, ['1x2: 1 of 2 failed: x']],
  ['nobody', { joined: 0, failures: [{ reason: 'x', count: 1 }] }, {}, ['1x2: no viewer joined: x']],
  ['a ramp that held', { lossPercent: 5, ramp: { levels: [], heldViewers: 1, endedBy: 'loss of 5 %' } }, {}, []],
  [
    'a ramp that did not',
    { ramp: { levels: [], heldViewers: 0, endedBy: 'loss of 5 %' } },
    {},
    ['1x2: the first viewers have loss of 5 %'],
  ],
] satisfies [string, Partial<StepReport>, Partial<Report['limits']>, string[]][])(
  'problems of %s',
  ([, step, limits, problems]) => {
    expect(problemsOf({ ...STEP, ...step }, { ...LIMITS, ...limits })).toEqual(problems);
  },
);
