import type { Result } from './workload.ts';

const COLUMNS = [
  'workload',
  'server',
  'us/packet',
  'ratio',
  'CPU %',
  'KB/unit',
  'lost',
  'p50 ms',
  'p99 ms',
  'max ms',
  'RTCP/s',
];

/** The table as Markdown, so that it can go into docs/benchmarks.md as it is. */
export function printTable(results: readonly Result[], machine: Readonly<Record<string, unknown>>): void {
  console.log(
    Object.entries(machine)
      .map(([key, value]) => `${key}: ${value}`)
      .join(', '),
  );
  console.log(`| ${COLUMNS.join(' | ')} |\n|${' --- |'.repeat(COLUMNS.length)}`);
  for (const result of results) {
    const baseline = results.find(({ workload, server }) => workload === result.workload && server === 'stock werift');
    const ratio = baseline === undefined ? '' : (result.cpuMicroseconds / baseline.cpuMicroseconds).toFixed(2);
    const total = result.forwarded + result.lost;
    const cells = [
      result.workload,
      result.server,
      result.cpuMicroseconds.toFixed(1),
      ratio,
      result.cpuPercent.toFixed(1),
      (result.bytesPerUnit / 1024).toFixed(0),
      `${result.lost} of ${total}`,
      result.latencyMs.p50.toFixed(1),
      result.latencyMs.p99.toFixed(1),
      result.latencyMs.max.toFixed(1),
      result.rtcpPerSecond.toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
