import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What of V8's `.cpuprofile` is read here. */
type CpuProfile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Of the monotonic clock, us, as `timeDeltas`. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

/** A part of the monotonic clock, us: what `monotonicMicroseconds` said at its ends. */
export type Window = { readonly from: number; readonly to: number };

/** Functions listed of a thread. */
const TOP = 25;
const NOT_BUSY = new Set(['(idle)', '(program)']);

/** The clock that V8's profiles use. */
export function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Prints the functions with the most self time within `window`, for each thread of process `pid`. */
export function printProfiles(directory: URL, pid: number, window: Window): void {
  for (const file of readdirSync(directory).filter(
    (name) => name.includes(`.${pid}.`) && name.endsWith('.cpuprofile'),
  )) {
    const profile = JSON.parse(readFileSync(new URL(file, directory), 'utf8')) as CpuProfile;
    const selfMicroseconds = selfTimes(profile, window);
    const busy = [...selfMicroseconds].reduce((sum, [name, time]) => sum + (NOT_BUSY.has(name) ? 0 : time), 0);
    const of = window.to - window.from;
    const program = selfMicroseconds.get('(program)') ?? 0;
    console.log(`\n${file}: ${percent(busy, of)} % busy in JavaScript, ${percent(program, of)} % native outside of it`);
    const ranked = [...selfMicroseconds].filter(([name]) => !NOT_BUSY.has(name)).sort(([, a], [, b]) => b - a);
    for (const [name, time] of ranked.slice(0, TOP)) console.log(`${percent(time, busy).padStart(6)} % ${name}`);
  }
}

function selfTimes(profile: CpuProfile, window: Window): Map<string, number> {
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      url === ''
        ? functionName
        : `${functionName === '' ? '(anonymous)' : functionName} ${basename(url)}:${lineNumber + 1}`,
    ]),
  );
  const times = new Map<string, number>();
  let at = profile.startTime;
  profile.samples.forEach((sample, i) => {
    // A sample holds from its own time to the next one's.
    at += profile.timeDeltas[i] ?? 0;
    if (at < window.from || at > window.to) return;
    const name = names.get(sample) ?? '?';
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[i + 1] ?? 0));
  });
  return times;
}

function percent(part: number, whole: number): string {
  return ((100 * part) / whole).toFixed(1);
}
