import type { Result, Workload } from './result.ts';

/** Others are compared with these. */
const BASELINES = ['stock werift', 'janus', 'shardcast ASIS'];

/** One table a workload as Markdown, so that it can go into docs/benchmarks.md as it is. */
export function printTables(workloads: readonly Workload[], results: readonly Result[]): void {
  for (const workload of workloads) {
    const measured = results.filter((result) => result.workload === workload.name);
    if (measured.length > 0) printTable(workload, measured);
  }
}

function printTable({ name, ratioOf }: Workload, results: readonly Result[]): void {
  const columns = Object.keys(results[0]?.figures ?? {});
  const baselines = BASELINES.filter(
    (server) => results.length > 1 && results.some((result) => result.server === server),
  );
  const head = [name, ...columns, ...baselines.map((server) => `${ratioOf} / ${server}`)];
  console.log(`\n| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}`);
  for (const { server, figures } of results) {
    const values = columns.map((column) => shorten(figures[column] ?? Number.NaN));
    const ratios = baselines.map((baseline) => ratio(results, ratioOf, figures[ratioOf], baseline));
    console.log(`| ${[server, ...values, ...ratios].join(' | ')} |`);
  }
}

function ratio(results: readonly Result[], column: string, value: number | undefined, baseline: string): string {
  const of = results.find(({ server }) => server === baseline)?.figures[column];
  return value === undefined || of === undefined ? '' : (value / of).toFixed(2);
}

function shorten(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1);
}
