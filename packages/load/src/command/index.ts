import { writeFileSync } from 'node:fs';
import { htmlReport } from '../report/html-report.ts';
import type { Report } from '../report/report.ts';
import { textReport } from '../report/text-report.ts';
import { type Plan, readArguments, USAGE, UsageError } from './arguments.ts';
import { runPlan } from './bench.ts';
import { Progress } from './progress.ts';

export type { Report, StepReport } from '../report/report.ts';

export type BenchCommand = {
  /** Behind `bench`. */
  readonly argv: readonly string[];
  /** The main module of the server that is measured when no address is given. */
  readonly serverEntry: string;
  readonly version: string;
};

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** `shardcast bench`: measures, reports. @returns the exit code */
export async function bench({ argv, serverEntry, version }: BenchCommand): Promise<number> {
  let plan: Plan | 'help';
  try {
    plan = readArguments(argv, process.env);
    if (plan !== 'help') checkFiles(plan);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`shardcast bench: ${error.message} (--help says more)\n`);
    return EXIT.usage;
  }
  if (plan === 'help') {
    process.stdout.write(`${USAGE}\n`);
    return EXIT.ok;
  }
  // For fetch and TLS of all threads, which take their environment from here.
  if (plan.isInsecure) process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';

  const stop = new AbortController();
  const progress = new Progress(process.stderr, plan.isQuiet);
  const interrupt = () => {
    // The second time it is meant at once.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
    progress.clear();
    process.stderr.write('stopping: sessions are being ended, once more to stop at once\n');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);

  const report = await runPlan({ plan, serverEntry, version, progress, stop: stop.signal });
  progress.clear();
  deliver(report, plan);
  if (report.interrupted) return EXIT.interrupted;
  return report.passed ? EXIT.ok : EXIT.failed;
}

/** Before an hour is measured: whether its result can be kept. */
function checkFiles({ html, json }: Plan): void {
  for (const file of [html, json]) {
    if (file === undefined || file === '-') continue;
    try {
      writeFileSync(file, '', { flag: 'a' });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : error;
      throw new UsageError(`${file} cannot be written: ${code}`);
    }
  }
}

function deliver(report: Report, { html, json }: Plan): void {
  const numbers = `${JSON.stringify(report, null, 2)}\n`;
  if (json === '-') process.stdout.write(numbers);
  else {
    process.stdout.write(`${textReport(report)}\n`);
    if (json !== undefined) writeFileSync(json, numbers);
  }
  if (html !== undefined) writeFileSync(html, htmlReport(report));
}
