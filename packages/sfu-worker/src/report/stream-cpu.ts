import { STREAM, Telemetry } from '@shardcast/shared';

/** Receiving and parsing a packet costs about as much as sending half a one (docs/benchmarks.md). */
const INBOUND_WEIGHT = 0.5;

/**
 * Splits a worker's measured CPU over its streams by the packets each received and sent, so that the streams' sum is
 * the worker's. An estimate by count, not a measurement a stream.
 */
export class StreamCpu {
  readonly #telemetry: Telemetry;
  readonly #last = new Map<number, number>();

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  /** @param cpuSeconds spent by the worker since the last call. */
  share(slots: Iterable<number>, cpuSeconds: number): void {
    const work: [base: number, amount: number][] = [];
    let total = 0;
    for (const slot of slots) {
      const base = Telemetry.streamBase(slot);
      const counters = this.#telemetry.counters;
      const done =
        (counters[base + STREAM.inboundPackets] as number) * INBOUND_WEIGHT +
        (counters[base + STREAM.outboundPackets] as number);
      const amount = Math.max(0, done - (this.#last.get(slot) ?? 0));
      this.#last.set(slot, done);
      work.push([base, amount]);
      total += amount;
    }
    if (total === 0) return;
    for (const [base, amount] of work) {
      const at = base + STREAM.cpuSeconds;
      const counters = this.#telemetry.counters;
      counters[at] = (counters[at] as number) + (cpuSeconds * amount) / total;
    }
  }

  forget(slot: number): void {
    this.#last.delete(slot);
  }
}
