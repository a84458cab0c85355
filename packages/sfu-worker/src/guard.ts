import { type Telemetry, WORKER } from '@shardcast/shared';
import type { WorkerLog } from './log.ts';

/** What an unexpected exception ends: a stream, a session or a connection. */
export interface Guarded {
  /** Of the stream that it belongs to, for the log. */
  readonly path: string;
  close(reason: string): void;
}

/** What its owner is closed with: details are in the log only. */
const INTERNAL_ERROR = 'an internal error';

/**
 * A bug costs the one whose work it showed in, and not the worker with all others: for what timers, sockets and ports
 * call. Everything else lets exceptions pass.
 */
export class Guard {
  readonly #telemetry: Telemetry;
  readonly #log: WorkerLog;

  constructor(telemetry: Telemetry, log: WorkerLog) {
    this.#telemetry = telemetry;
    this.#log = log;
  }

  /** Does some of the owner's work, and closes the owner when it throws. */
  run(owner: Guarded, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.caught(owner, error);
    }
  }

  /** `run` for where a closure would be one a packet: call it from the catch. */
  caught(owner: Guarded, error: unknown): void {
    this.#report(owner, error);
    try {
      owner.close(INTERNAL_ERROR);
    } catch (another) {
      this.#report(owner, another);
    }
  }

  #report({ path }: Guarded, error: unknown): void {
    this.#telemetry.leave(0); // what was at work is not any more
    this.#telemetry.add(WORKER.faults);
    this.#log.error('a handler threw', { path, err: error instanceof Error ? error.stack : String(error) });
  }
}
