import type { Logger } from '../logging/logger.ts';
import { type Handling, type Resident, suspectsOf } from '../pool/blame.ts';
import type { Quarantine } from '../pool/quarantine.ts';
import type { WorkerLoss } from '../pool/shard.ts';
import type { PathState } from './stream-registry.ts';

/** Looks into the loss of a worker: says what it was doing, and has the streams watched that may have killed it. */
export class Inquest {
  readonly #quarantine: Quarantine;
  readonly #log: Logger;

  constructor(quarantine: Quarantine, log: Logger) {
    this.#quarantine = quarantine;
    this.#log = log;
  }

  /** @param residents that lived on the worker */
  hold(worker: number, loss: WorkerLoss, residents: readonly PathState[], nowMs: number): void {
    const { reason, isDeliberate, handling } = loss;
    const suspects = isDeliberate ? [] : suspectsOf(handling, residentsOf(residents, nowMs));
    this.#log[isDeliberate ? 'info' : 'error'](
      { worker, reason, streams: residents.length, ...evidence(handling, suspects) },
      'worker lost',
    );
    if (!isDeliberate) this.#blame(suspects, nowMs);
  }

  #blame(suspects: readonly string[], nowMs: number): void {
    const { quarantined, heldBack } = this.#quarantine.workerDied(suspects, nowMs);
    for (const path of quarantined) this.#log.error({ path }, 'stream quarantined: it keeps killing its worker');
    if (heldBack.length > 0) {
      this.#log.warn({ paths: heldBack }, 'streams held back to find the one that keeps killing its worker');
    }
  }
}

function residentsOf(states: readonly PathState[], nowMs: number): Resident[] {
  return states.map(({ name, home, firstHomeAtMs, rule }) => ({
    name,
    slot: home?.slot ?? -1,
    ageMs: nowMs - (firstHomeAtMs ?? nowMs),
    hasOwnSource: rule.source !== 'publisher',
  }));
}

/** For the log: what the worker was doing when it was lost. */
function evidence(handling: Handling | undefined, suspects: readonly string[]): { handling?: string } {
  if (handling === undefined) return {};
  return { handling: handling === 'viewer' ? 'a viewer' : (suspects[0] ?? 'a stream that is gone') };
}
