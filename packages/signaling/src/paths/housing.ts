import { ShardcastError, WORKER } from '@shardcast/shared';
import type { Logger } from '../logging/logger.ts';
import { LoadMeter, MEASURED_AFTER_MS } from '../placement/load-meter.ts';
import { type Candidate, type Placement, place } from '../placement/policy.ts';
import type { Quarantine } from '../pool/quarantine.ts';
import type { Shard } from '../pool/shard.ts';
import type { Home, PathState, StreamRegistry } from './stream-registry.ts';

/** What paths need of a shard. */
export type PathShard = Pick<Shard, 'worker' | 'state' | 'telemetry' | 'request' | 'eventLoopUtilization'>;

export type HousingOptions = {
  readonly shards: readonly PathShard[];
  readonly streams: StreamRegistry;
  readonly quarantine: Quarantine;
  readonly log: Logger;
};

/** Finds homes for streams: measures the workers, asks the policy, takes the slot. */
export class Housing {
  readonly #shards: readonly PathShard[];
  readonly #streams: StreamRegistry;
  readonly #quarantine: Quarantine;
  readonly #log: Logger;
  readonly #meter = new LoadMeter();
  readonly #busySeconds = new Map<number, number>();
  #sampledAtMs: number;

  constructor({ shards, streams, quarantine, log }: HousingOptions, nowMs: number) {
    this.#shards = shards;
    this.#streams = streams;
    this.#quarantine = quarantine;
    this.#log = log;
    this.#sampledAtMs = nowMs;
  }

  /** Reads how busy the workers are; to be called about once a second. */
  sample(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#sampledAtMs) / 1000;
    this.#sampledAtMs = nowMs;
    for (const shard of this.#shards) {
      const cpuSeconds = shard.telemetry.counters[WORKER.cpuSeconds] ?? 0;
      // Where the system does not count a thread's CPU, the time that its loop was busy is close.
      const busy = (this.#busySeconds.get(shard.worker) ?? 0) + shard.eventLoopUtilization() * seconds;
      this.#busySeconds.set(shard.worker, busy);
      this.#meter.sample(shard.worker, cpuSeconds > 0 ? cpuSeconds : busy, nowMs);
    }
  }

  workerLost(worker: number): void {
    this.#meter.forget(worker);
  }

  /** False while `house` would refuse for want of a worker that is up. */
  canHouse(state: PathState, nowMs: number): boolean {
    return this.#allowed(state, nowMs).some((shard) => shard.state === 'up');
  }

  /**
   * Where the stream lives, which is decided now unless it was before. A stream with a home keeps it.
   * @throws ShardcastError NO_WORKER_CAPACITY
   */
  house(state: PathState, nowMs: number): Home {
    if (state.home !== undefined) return state.home;
    if (!isConfigured(state) && this.#free() <= this.#homeless()) {
      throw new ShardcastError('NO_WORKER_CAPACITY', 'the room that is left is for configured paths');
    }
    const placement = place(state.name, this.#candidates(state, nowMs));
    const home = placement && this.#streams.settle(state, placement, nowMs);
    if (placement === undefined || home === undefined) {
      throw new ShardcastError('NO_WORKER_CAPACITY', 'no worker takes another stream now');
    }
    // The slot may have been another stream's; the worker writes to it only once it is asked to open this one.
    this.#shards[home.worker]?.telemetry.clearStream(home.slot);
    this.#log.debug({ path: state.name, worker: home.worker, reason: placement.reason }, 'stream placed');
    return home;
  }

  /** Where the policy would put the stream now, and why; undefined when no worker takes it. */
  explain(state: PathState, nowMs: number): Placement | undefined {
    return place(state.name, this.#candidates(state, nowMs), state.home?.worker);
  }

  /** A suspect stays with the worker that it may have killed, so that the next death hits nobody new. */
  #allowed(state: PathState, nowMs: number): readonly PathShard[] {
    const { name, lostWorker } = state;
    const isConfined = lostWorker !== undefined && this.#quarantine.isSuspect(name, nowMs);
    return isConfined ? this.#shards.filter(({ worker }) => worker === lostWorker) : this.#shards;
  }

  /** Slots of the workers that are up. */
  #free(): number {
    let free = 0;
    for (const { worker, state } of this.#shards) if (state === 'up') free += this.#streams.free(worker);
    return free;
  }

  /** Configured paths that may want a slot yet: whoever makes names up must not take the last ones. */
  #homeless(): number {
    return this.#streams.all().filter((state) => state.home === undefined && isConfigured(state)).length;
  }

  #candidates(state: PathState, nowMs: number): Candidate[] {
    const counts = this.#shards.map(() => ({ streams: 0, unmeasured: 0 }));
    for (const { home } of this.#streams.all()) {
      const count = home && counts[home.worker];
      if (home === undefined || count === undefined) continue;
      count.streams++;
      if (nowMs - home.sinceMs < MEASURED_AFTER_MS) count.unmeasured++;
    }
    return this.#allowed(state, nowMs).map((shard) => ({
      worker: shard.worker,
      load: this.#meter.load(shard.worker),
      streams: counts[shard.worker]?.streams ?? 0,
      unmeasured: counts[shard.worker]?.unmeasured ?? 0,
      isAccepting: shard.state === 'up' && this.#streams.free(shard.worker) > 0,
    }));
  }
}

/** The configuration spells its name out. */
function isConfigured({ name, rule }: PathState): boolean {
  return rule.confName === name;
}
