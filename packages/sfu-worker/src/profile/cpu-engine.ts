import { Session } from 'node:inspector';
import { encodeCpuProfile } from './v8-profile.ts';

/** As Go's: a hundred samples a second are enough to see where time goes and too few to be seen themselves. */
export const CPU_INTERVAL_MICROS = 10_000;

/** Takes CPU profiles of the thread that it was made in, one at a time. */
export interface CpuEngine {
  readonly name: 'datadog' | 'inspector';
  start(): void;
  /** @returns pprof, not compressed, without the time that the thread waited */
  stop(): Uint8Array;
}

/** V8's profiler by @datadog/pprof where its binary loads in this thread, else by Node's inspector. */
export async function selectCpuEngine(): Promise<CpuEngine> {
  try {
    return datadogEngine(await import('@datadog/pprof'));
  } catch {
    return inspectorEngine();
  }
}

function datadogEngine({ time }: typeof import('@datadog/pprof')): CpuEngine {
  return {
    name: 'datadog',
    start: () => time.start({ intervalMicros: CPU_INTERVAL_MICROS, workaroundV8Bug: false, columnNumbers: 'emit' }),
    stop: () => time.stop().encode(),
  };
}

export function inspectorEngine(): CpuEngine {
  let session: Session | undefined;
  return {
    name: 'inspector',
    start() {
      session = new Session();
      session.connect();
      session.post('Profiler.enable');
      session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_MICROS });
      session.post('Profiler.start');
    },
    stop() {
      const stopped = session;
      session = undefined;
      if (stopped === undefined) throw new Error('no profile is being taken');
      let encoded: Uint8Array | undefined;
      let failure: Error | null = null;
      // A session answers its own thread before `post` returns.
      stopped.post('Profiler.stop', (error, result) => {
        failure = error;
        if (error === null) encoded = encodeCpuProfile(result.profile, CPU_INTERVAL_MICROS);
      });
      stopped.disconnect();
      if (encoded === undefined) throw failure ?? new Error('the profiler did not answer');
      return encoded;
    },
  };
}
