import { STREAM, Telemetry } from '@shardcast/shared';

/**
 * Splits a worker's measured CPU over its streams by the packets each received and sent, so that the streams' sum is
 * the worker's. An estimate by count, not a measurement a stream.
 */
export class StreamCpu {
  readonly #telemetry: Telemetry;
  readonly #inboundWeight: number;
  readonly #last = new Map<number, number>();

  /** @param inboundWeight how many packets sent cost as much as one received */
  constructor(telemetry: Telemetry, inboundWeight: number) {
    this.#telemetry = telemetry;
    this.#inboundWeight = inboundWeight;
  }

  /** @param cpuSeconds spent by the worker since the last call. */
  share(slots: Iterable<number>, cpuSeconds: number): void {
    const work: [base: number, amount: number][] = [];
    let total = 0;
    for (const slot of slots) {
      const base = Telemetry.streamBase(slot);
      const counters = this.#telemetry.counters;
      const done =
        (counters[base + STREAM.inboundPackets] as number) * this.#inboundWeight +
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
