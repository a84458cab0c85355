import type { Stream, Worker } from '../api/shapes.ts';

/** What a worker does and what that costs, to be held against another one's. */
export type WorkerLoad = {
  readonly streams: number;
  readonly viewers: number;
  /** In and out, a second. */
  readonly packets: number;
  readonly cpuCores: number;
  /** CPU seconds a packet; null while too few flow. */
  readonly cpuPerPacket: number | null;
  readonly memoryBytes: number;
  readonly memoryPerStream: number | null;
  /** Of what the sources of its streams sent; null without any. */
  readonly lossRatio: number | null;
  /** Packets a second; null until it was looked at twice. */
  readonly rtcpIn: number | null;
  readonly rtcpOut: number | null;
};

/** Fewer packets a second say nothing about the cost of one. */
const LEAST_PACKETS = 20;

/** @param rates RTCP packets a second */
export function loadOf(
  worker: Worker,
  streams: readonly Stream[],
  rates: { readonly received: number; readonly sent: number } | undefined,
): WorkerLoad {
  const own = streams.filter((stream) => stream.worker === worker.id);
  const sum = (of: (stream: Stream) => number): number => own.reduce((total, stream) => total + of(stream), 0);
  const inbound = sum(({ stats }) => stats?.inboundPackets ?? 0);
  const packets = inbound + sum(({ stats }) => stats?.outboundPackets ?? 0);
  const online = own.filter((stream) => stream.online).length;
  const memoryBytes = worker.heapBytes + worker.externalBytes;
  return {
    streams: online,
    viewers: sum(({ readerCount }) => readerCount),
    packets,
    cpuCores: worker.cpuCores,
    cpuPerPacket: packets < LEAST_PACKETS ? null : worker.cpuCores / packets,
    memoryBytes,
    memoryPerStream: online === 0 ? null : memoryBytes / online,
    // By packets: a stream that sends much counts for much.
    lossRatio:
      inbound === 0 ? null : sum(({ stats }) => (stats?.lossRatio ?? 0) * (stats?.inboundPackets ?? 0)) / inbound,
    rtcpIn: rates?.received ?? null,
    rtcpOut: rates?.sent ?? null,
  };
}

type Seen = { readonly atMs: number; readonly received: number; readonly sent: number };
const WINDOW_MS = 10_000;

/** RTCP packets a second over the last ten seconds, by worker, from counters that only grow (or begin anew). */
export class RtcpRates {
  readonly #seen = new Map<number, Seen[]>();

  add(worker: number, { received, sent }: Worker['rtcpPackets'], atMs: number): void {
    const seen = this.#seen.get(worker) ?? [];
    const last = seen.at(-1);
    if (last !== undefined && (received < last.received || sent < last.sent)) seen.length = 0;
    seen.push({ atMs, received, sent });
    while ((seen[1]?.atMs ?? atMs) <= atMs - WINDOW_MS) seen.shift();
    this.#seen.set(worker, seen);
  }

  rates(worker: number): { received: number; sent: number } | undefined {
    const seen = this.#seen.get(worker);
    const [first, last] = [seen?.[0], seen?.at(-1)];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined;
    const seconds = (last.atMs - first.atMs) / 1000;
    return { received: (last.received - first.received) / seconds, sent: (last.sent - first.sent) / seconds };
  }
}
